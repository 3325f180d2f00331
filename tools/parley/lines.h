/* parley/lines.h: standard input, line by line, read no faster than the lines are taken. */
#pragma once

#include <stdbool.h>

#include "base/text.h"
#include "session.h"

struct evbuffer;

struct lines {
    struct session *session; /* whose loop it is, and which it gives up when it cannot read */
    struct evbuffer *read;   /* and not taken yet; NULL: standard input is not read at all */
    struct event *event;
    bool ended;
    void (*arrived)(void *arg);
    void *arg;
};

/* arrived(): there may be a line, or the input has ended; from the loop. */
void lines_begin(struct lines *lines, struct session *session, void (*arrived)(void *arg),
                 void *arg);
void lines_clear(struct lines *lines);

/* The next line, without its end, to be freed by the caller. NULL when there is none yet, and
 * arrived() will be called; or when lines_over(). */
MUST_USE char *lines_take(struct lines *lines, struct text *line);
/* The input has ended, and every line was taken. */
bool lines_over(const struct lines *lines);
