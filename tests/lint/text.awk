# Blanks, line ends, and paths that exist on one machine alone.

function found(what) { print FILENAME ":" FNR ": " what }

/\t/ && FILENAME !~ /(^|\/)Makefile$/ { found("a tab; use spaces") }
/\r$/ { found("CR; a line ends with LF alone") }
/[ \t]$/ { found("blanks at the end") }
/\/(work|root|home|Users)\/|\/tmp\/[b]uild/ { found("a path of one machine") }
