# Functions that we do without, and what to use instead. Comments and strings do not count.

function ban(names, instead,    list, i) {
    split(names, list, " ")
    for (i in list) banned[list[i]] = instead
}

BEGIN {
    ban("sprintf vsprintf", "snprintf, which has a limit")
    ban("strcpy strncpy stpcpy strcat strncat gets", "memcpy with a checked length, or base/buffer.h")
    ban("atoi atol atoll atof", "the numbers of base/text.h: these hide errors")
    ban("strtok", "base/text.h, or strchr: it has one state for the whole program")
    ban("alloca", "memory_alloc, or an array of fixed size")
    ban("sleep usleep nanosleep", "a timer of base/loop.h: waiting is for an event")
    ban("system popen", "nothing: no shell is started from here")
    ban("redisCommand redisvCommand redisAsyncCommand redisAppendCommand redisFormatCommand " \
        "redisvFormatCommand", "arguments with their lengths, never a format: ids may hold anything")
    split("malloc calloc realloc reallocarray strdup strndup asprintf vasprintf", list, " ")
    for (i in list) allocation[list[i]] = "base/memory.h: it never fails, so no caller checks"
}

FNR == 1 { in_comment = 0 }

{
    rest = $0
    code = ""
    while (rest != "") {
        if (in_comment) {
            end = index(rest, "*/")
            if (!end) break
            rest = substr(rest, end + 2)
            in_comment = 0
        } else if (match(rest, /"([^"\\]|\\.)*"|'([^'\\]|\\.)*'|\/\/.*|\/\*/)) {
            code = code substr(rest, 1, RSTART - 1) " "
            in_comment = substr(rest, RSTART, 2) == "/*"
            rest = substr(rest, RSTART + RLENGTH)
        } else {
            code = code rest
            break
        }
    }

    if (code ~ /typedef (struct|union|enum)( |$)/)
        print FILENAME ":" FNR ": a type without typedef: `struct name`"
    while (match(code, /[A-Za-z_][A-Za-z0-9_]* *\(/)) {
        name = substr(code, RSTART, RLENGTH - 1)
        sub(/ +$/, "", name)
        if (name in banned)
            print FILENAME ":" FNR ": " name " is banned; use " banned[name]
        # What a test allocates wrongly fails that test.
        else if (name in allocation && FILENAME !~ /^tests\// && FILENAME != "gateway/base/memory.c")
            print FILENAME ":" FNR ": " name " is banned; use " allocation[name]
        code = substr(code, RSTART + RLENGTH)
    }
}
