#include "http/files.h"

#include <string.h>

#include "embedded/bubble_js.h"
#include "embedded/demo_css.h"
#include "embedded/demo_html.h"
#include "embedded/demo_js.h"
#include "embedded/favicon_svg.h"
#include "embedded/inbox_js.h"
#include "embedded/pair_js.h"
#include "embedded/pane_js.h"
#include "embedded/parley_js.h"
#include "embedded/places_js.h"
#include "embedded/values_js.h"
#include "embedded/wire_js.h"
#include "embedded/words_js.h"

struct file {
    const char *path;
    const char *content_type;
    const unsigned char *bytes;
    size_t size;
    const char *etag; /* with its quotes: strong, since it is the hash of the bytes */
    const char *headers;
};

/* A file of gateway/web, by the names that embed.cmake gives it; `more` are header lines. */
#define FILE_AT(path, content_type, symbol, SYMBOL, more)                                          \
    {path,                                                                                         \
     content_type,                                                                                 \
     symbol,                                                                                       \
     SYMBOL##_SIZE,                                                                                \
     "\"" SYMBOL##_SHA256 "\"",                                                                    \
     "ETag: \"" SYMBOL##_SHA256 "\"\r\n"                                                           \
                                "Referrer-Policy: no-referrer\r\n" more}

#define JAVASCRIPT "text/javascript; charset=utf-8"
#define NOTHING "Content-Security-Policy: default-src 'none'\r\n"

/* Nothing inline, nothing from elsewhere, in nobody's frame; but it connects to any gateway that
 * its user names. A browser's `/` is this too, hence Vary. */
#define DEMO                                                                                       \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "img-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; "           \
    "frame-ancestors 'none'\r\n"                                                                   \
    "Vary: Accept\r\n"

/* Pages of others may import the client: a module needs leave for that, and holds no secret. */
#define SHARED NOTHING "Access-Control-Allow-Origin: *\r\n"

static const struct file files[] = {
    FILE_AT("/demo", "text/html; charset=utf-8", demo_html, DEMO_HTML, DEMO),
    FILE_AT("/demo.css", "text/css; charset=utf-8", demo_css, DEMO_CSS, NOTHING),
    FILE_AT("/demo.js", JAVASCRIPT, demo_js, DEMO_JS, NOTHING),
    FILE_AT("/demo/bubble.js", JAVASCRIPT, bubble_js, BUBBLE_JS, NOTHING),
    FILE_AT("/demo/pair.js", JAVASCRIPT, pair_js, PAIR_JS, NOTHING),
    FILE_AT("/demo/pane.js", JAVASCRIPT, pane_js, PANE_JS, NOTHING),
    FILE_AT("/demo/places.js", JAVASCRIPT, places_js, PLACES_JS, NOTHING),
    FILE_AT("/demo/values.js", JAVASCRIPT, values_js, VALUES_JS, NOTHING),
    FILE_AT("/demo/wire.js", JAVASCRIPT, wire_js, WIRE_JS, NOTHING),
    FILE_AT("/demo/words.js", JAVASCRIPT, words_js, WORDS_JS, NOTHING),
    FILE_AT("/parley.js", JAVASCRIPT, parley_js, PARLEY_JS, SHARED),
    FILE_AT("/parley/inbox.js", JAVASCRIPT, inbox_js, INBOX_JS, SHARED),
    FILE_AT("/favicon.svg", "image/svg+xml", favicon_svg, FAVICON_SVG, NOTHING),
    /* Where browsers look that were told nothing. */
    FILE_AT("/favicon.ico", "image/svg+xml", favicon_svg, FAVICON_SVG, NOTHING),
};

const struct file *files_find(struct text path)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (text_equal(path, text_of(files[i].path)))
            return &files[i];
    return NULL;
}

/* If-None-Match (RFC 9110, section 13.1.2): `*`, or a list of tags in quotes, with W/ in front or
 * not. No tag has a quote inside, so ours with its quotes is nowhere but where it is an element. */
static bool has_same(struct text if_none_match, const char *etag)
{
    return text_equal(text_trim(if_none_match), TEXT("*")) ||
           (if_none_match.len > 0 &&
            memmem(if_none_match.at, if_none_match.len, etag, strlen(etag)) != NULL);
}

void files_answer(const struct file *file, const struct http_request *request,
                  struct http_answer *answer)
{
    answer->cache_control = "no-cache"; /* kept, and asked for again: a new build shows at once */
    answer->headers = file->headers;
    if (has_same(request->if_none_match, file->etag)) {
        answer->status = 304;
        answer->content_type = NULL;
        return;
    }
    answer->content_type = file->content_type;
    builder_append(&answer->body, (struct text){(const char *)file->bytes, file->size});
}
