#include "session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "message/scan.h"

#define MESSAGE_MAX ((size_t)16 << 20) /* above what any gateway is set to send */

const char *session_default_url(void)
{
    const char *url = getenv("PARLEY_URL");

    return url && *url ? url : "ws://127.0.0.1:3000";
}

void session_fail(struct session *session, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s: ", session->program);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    session->status = STATUS_FAILED;
}

/* Why and how the connection ended. */
static void fail_closed(struct session *session, const struct client_end *end)
{
    const char *authority = session->url.authority;

    if (end->http_status != 0)
        session_fail(session, "%s answered HTTP %d: %.*s", authority, end->http_status,
                     (int)end->body.len, end->body.at);
    else
        session_fail(session, "the connection to %s was closed (%d): %.*s", authority, end->code,
                     (int)end->reason.len, end->reason.len > 0 ? end->reason.at : "");
}

static void on_opened(void *arg)
{
    const struct session *session = arg;

    if (session->handler->opened)
        session->handler->opened(session->arg);
}

static void on_message(void *arg, struct text frame)
{
    const struct session *session = arg;

    session->handler->message(session->arg, frame);
}

static void on_closed(void *arg, const struct client_end *end)
{
    struct session *session = arg;

    if (!session->ending)
        fail_closed(session, end);
    session_stop(session);
}

/* poll(2) rather than epoll: standard input may be a file, and there is one connection. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base;

    event_config_require_features(config, EV_FEATURE_FDS);
    base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

bool session_open(struct session *session, const char *url, const char *user, const char *device,
                  int64_t timeout_ms, const struct session_handler *handler, void *arg)
{
    static const struct client_handler client_handler = {on_opened, on_message, on_closed};
    struct client_options options = {
        .url = &session->url,
        .max_message = MESSAGE_MAX,
        .timeout_ms = timeout_ms,
        .handler = &client_handler,
        .arg = session,
    };
    const char *wrong = url_parse(&session->url, url);
    char *target;

    session->handler = handler;
    session->arg = arg;
    if (wrong) {
        session_fail(session, "--url %s: %s", url, wrong);
        session->status = STATUS_USAGE;
        return false;
    }
    wrong = url_resolve(&session->url);
    if (wrong) {
        session_fail(session, "%s: %s", session->url.host, wrong);
        return false;
    }
    session->base = make_base();
    if (!session->base) {
        session_fail(session, "no event loop: %s", strerror(errno));
        return false;
    }
    target = url_make_session_target(&session->url, user, device);
    options.base = session->base;
    options.target = target;
    session->client = client_connect(&options);
    if (!session->client)
        session_fail(session, "cannot connect to %s: %s", session->url.authority, strerror(errno));
    free(target);
    return session->client != NULL;
}

void session_clear(struct session *session)
{
    client_free(session->client);
    if (session->base)
        event_base_free(session->base);
    url_clear(&session->url);
}

void session_end(struct session *session)
{
    session->ending = true;
    client_close(session->client, 1000, "");
}

void session_stop(struct session *session)
{
    event_base_loopbreak(session->base);
}

void session_print(struct session *session, struct text frame)
{
    /* Content is carried byte by byte, with the line breaks between its tokens. Within strings JSON
     * has none, so a blank in their place changes nothing. */
    for (size_t i = 0; i < frame.len; i++)
        putchar(frame.at[i] == '\n' || frame.at[i] == '\r' ? ' ' : frame.at[i]);
    putchar('\n');
    if (fflush(stdout) != 0) {
        session_fail(session, "cannot write to standard output: %s", strerror(errno));
        session_stop(session);
    }
}

struct frame_about session_read_frame(struct text frame)
{
    struct frame_about about = {0};
    struct scanner scanner;
    struct scan_value value;
    struct scan_value key;

    scan_begin(&scanner, frame, SCAN_DEPTH_LIMIT);
    if (!scan_enter(&scanner, '{'))
        return about;
    while (scan_member(&scanner, &key, &value)) {
        struct text inside = {value.text.at + 1, value.text.len - 2};

        if (value.kind != SCAN_STRING)
            continue;
        if (text_equal(key.text, TEXT("\"type\"")))
            about.type = inside;
        else if (text_equal(key.text, TEXT("\"ref\"")))
            about.ref = inside;
    }
    return about;
}
