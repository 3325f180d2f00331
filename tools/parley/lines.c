#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct lines *lines = arg;
    int count = evbuffer_read(lines->read, fd, -1);

    (void)what;
    if (count < 0 && errno != EINTR && errno != EAGAIN)
        session_fail(lines->session, "cannot read standard input: %s", strerror(errno));
    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) {
        lines->ended = true;
        if (evbuffer_get_length(lines->read) > 0) /* a last line without an end */
            evbuffer_add(lines->read, "\n", 1);
    }
    lines->arrived(lines->arg);
}

void lines_begin(struct lines *lines, struct session *session, void (*arrived)(void *arg),
                 void *arg)
{
    *lines = (struct lines){.session = session, .arrived = arrived, .arg = arg};
    lines->read = evbuffer_new();
    lines->event = event_new(session->base, STDIN_FILENO, EV_READ, on_input, lines);
}

void lines_clear(struct lines *lines)
{
    if (!lines->read)
        return;
    event_free(lines->event);
    evbuffer_free(lines->read);
}

char *lines_take(struct lines *lines, struct text *line)
{
    char *taken;

    if (!lines->read)
        return NULL;
    taken = evbuffer_readln(lines->read, &line->len, EVBUFFER_EOL_CRLF);
    line->at = taken;
    if (taken || lines->ended)
        return taken;
    if (evbuffer_get_length(lines->read) > LINE_MAX_BYTES)
        session_give_up(lines->session, "a line is longer than %zu bytes", LINE_MAX_BYTES);
    else
        event_add(lines->event, NULL);
    return NULL;
}

bool lines_over(const struct lines *lines)
{
    return !lines->read || (lines->ended && evbuffer_get_length(lines->read) == 0);
}
