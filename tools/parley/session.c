#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/buffer.h"
#include "message/parse.h"

#define MESSAGE_MAX ((size_t)16 << 20) /* above what any gateway is set to send */

const char *session_default_url(void)
{
    const char *url = getenv("PARLEY_URL");

    return url && *url ? url : "ws://127.0.0.1:3000";
}

/* ---- Words ---- */

__attribute__((format(printf, 2, 0))) static void say(const struct session *session,
                                                      const char *format, va_list arguments)
{
    fprintf(stderr, "%s: ", session->program);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void session_say(const struct session *session, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(session, format, arguments);
    va_end(arguments);
}

void session_fail(struct session *session, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(session, format, arguments);
    va_end(arguments);
    session->status = STATUS_FAILED;
}

void session_give_up(struct session *session, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(session, format, arguments);
    va_end(arguments);
    session->status = STATUS_FAILED;
    session_stop(session);
}

void session_append_end(const struct session *session, const struct client_end *end,
                        struct builder *out)
{
    if (end->http_status != 0) {
        builder_printf(out, "%s answered HTTP %d: ", session->url.authority, end->http_status);
        builder_append(out, end->body);
    } else {
        builder_printf(out, "the connection to %s was closed (%d): ", session->url.authority,
                       end->code);
        builder_append(out, end->reason);
    }
}

int session_complain(const char *program, const char *what)
{
    fprintf(stderr, "%s: %s (%s --help)\n", program, what, program);
    return STATUS_USAGE;
}

bool session_check_peers(const char *program, char **operands, int count)
{
    if (count != 2)
        session_complain(program, "it takes USER and PEER");
    else if (!parse_is_user(text_of(operands[0])) || !parse_is_user(text_of(operands[1])))
        session_complain(program, "USER and PEER are 1 to 128 bytes of UTF-8 without control "
                                  "characters");
    else
        return true;
    return false;
}

/* ---- The connection ---- */

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
    struct builder words;

    if (session->ending) {
        session_stop(session);
        return;
    }
    if (session->handler->closed) {
        client_free(session->client);
        session->client = NULL;
        session->handler->closed(session->arg, end);
        return;
    }
    builder_init(&words, SIZE_MAX);
    session_append_end(session, end, &words);
    session_give_up(session, "%.*s", (int)words.len, words.data);
    builder_clear(&words);
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

bool session_prepare(struct session *session, const struct session_handler *handler, void *arg)
{
    const char *wrong = url_parse(&session->url, session->where);

    session->handler = handler;
    session->arg = arg;
    if (wrong) {
        session_fail(session, "--url %s: %s", session->where, wrong);
        session->status = STATUS_USAGE;
        return false;
    }
    session->base = make_base();
    if (!session->base)
        session_fail(session, "no event loop: %s", strerror(errno));
    return session->base != NULL;
}

/* To be freed by the caller. */
static char *make_target(const struct session *session)
{
    char *target = url_make_session_target(&session->url, session->user, session->device);
    struct builder builder;

    builder_init(&builder, SIZE_MAX);
    builder_append_string(&builder, target);
    free(target);
    if (session->acks)
        url_append_parameter(&builder, "ack", "client");
    if (session->since)
        url_append_parameter(&builder, "since", session->since);
    if (session->since && session->epoch)
        url_append_parameter(&builder, "epoch", session->epoch);
    target = memory_copy(builder.data, builder.len);
    builder_clear(&builder);
    return target;
}

const char *session_connect(struct session *session)
{
    static const struct client_handler client_handler = {on_opened, on_message, on_closed};
    struct client_options options = {
        .base = session->base,
        .url = &session->url,
        .max_message = MESSAGE_MAX,
        .timeout_ms = session->timeout_ms,
        .handler = &client_handler,
        .arg = session,
    };
    const char *wrong;
    char *target;

    client_free(session->client); /* before the addresses that it points to */
    session->client = NULL;
    wrong = url_resolve(&session->url);
    if (wrong)
        return wrong;
    target = make_target(session);
    options.target = target;
    session->client = client_connect(&options);
    free(target);
    return session->client ? NULL : strerror(errno);
}

bool session_open(struct session *session, const struct session_handler *handler, void *arg)
{
    const char *wrong;

    if (!session_prepare(session, handler, arg))
        return false;
    wrong = session_connect(session);
    if (wrong)
        session_fail(session, "cannot connect to %s: %s", session->url.authority, wrong);
    return wrong == NULL;
}

/* ---- The end ---- */

static void on_interrupt(evutil_socket_t number, short what, void *arg)
{
    struct session *session = arg;

    (void)number;
    (void)what;
    if (session->ending) /* the second time: do not wait for the gateway */
        session_stop(session);
    else if (session->handler->interrupted)
        session->handler->interrupted(session->arg);
    else
        session_end(session);
}

void session_watch_interrupts(struct session *session)
{
    session->interrupt = evsignal_new(session->base, SIGINT, on_interrupt, session);
    session->terminate = evsignal_new(session->base, SIGTERM, on_interrupt, session);
    event_add(session->interrupt, NULL);
    event_add(session->terminate, NULL);
}

int session_finish(struct session *session)
{
    client_free(session->client);
    if (session->interrupt)
        event_free(session->interrupt);
    if (session->terminate)
        event_free(session->terminate);
    if (session->base)
        event_base_free(session->base);
    url_clear(&session->url);
    return session->status;
}

void session_end(struct session *session)
{
    session->ending = true;
    if (session->client)
        client_close(session->client, 1000, "");
    else
        session_stop(session);
}

void session_stop(struct session *session)
{
    event_base_loopbreak(session->base);
}

/* ---- Standard output ---- */

static void flush(struct session *session)
{
    if (fflush(stdout) != 0)
        session_give_up(session, "cannot write to standard output: %s", strerror(errno));
}

void session_print(struct session *session, struct text frame)
{
    /* Content is carried byte by byte, with the line breaks between its tokens. Within strings JSON
     * has none, so a blank in their place changes nothing. */
    for (size_t i = 0; i < frame.len; i++)
        putchar(frame.at[i] == '\n' || frame.at[i] == '\r' ? ' ' : frame.at[i]);
    putchar('\n');
    flush(session);
}

void session_write(struct session *session, struct builder *lines)
{
    if (lines->len > 0)
        fwrite(lines->data, 1, lines->len, stdout);
    builder_reset(lines);
    flush(session);
}
