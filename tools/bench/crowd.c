#include "crowd.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <event2/event.h>

#include "common/client.h"

/* Handshakes under way at once: enough to keep a gateway busy, less than its backlog. */
#define OPENING_MAX 128
#define CONNECT_TIMEOUT_MS 10000
#define OTHER_FILES 32 /* that the process needs besides its connections */

/* A source address has about 28,000 ports for each target by default. */
#define PER_SOURCE_ADDRESS 20000

struct member {
    struct crowd *crowd;
    struct client *client;
    bool open;
};

struct crowd {
    struct event_base *base;
    const struct crowd_handler *handler;
    void *arg;
    size_t size;
    size_t max_message;
    size_t started;
    struct crowd_counts counts;
    struct event *start; /* starts more of them, from the event loop */
    struct member members[];
};

static bool is_loopback(const struct url *url)
{
    const struct sockaddr_in *address = (const void *)url->addresses->ai_addr;

    return address->sin_family == AF_INET && address->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
}

static bool start_one(struct crowd *crowd, const struct client_handler *handler, size_t index)
{
    struct in_addr source = {htonl((uint32_t)(INADDR_LOOPBACK + index / PER_SOURCE_ADDRESS))};
    struct member *member = &crowd->members[index];
    struct client_options options = {
        .base = crowd->base,
        .max_message = crowd->max_message,
        .timeout_ms = CONNECT_TIMEOUT_MS,
        .handler = handler,
        .arg = member,
    };
    char user[CROWD_USER_SIZE];
    char *target;

    options.url = crowd->handler->describe(crowd->arg, index, user);
    if (crowd->size > PER_SOURCE_ADDRESS && is_loopback(options.url))
        options.source = &source;
    target = url_make_session_target(options.url, user, NULL);
    options.target = target;
    member->crowd = crowd;
    member->client = client_connect(&options);
    free(target);
    return member->client != NULL;
}

static void on_opened(void *arg);
static void on_message(void *arg, struct text message);
static void on_closed(void *arg, const struct client_end *end);

static void report_failure(struct crowd *crowd, const char *what, struct text why)
{
    if (crowd->counts.failed + crowd->counts.lost == 1) /* the first stands for all */
        fprintf(stderr, "parley-bench: %s: %.*s\n", what, (int)why.len, why.at);
}

static void start_cb(evutil_socket_t fd, short what, void *arg)
{
    static const struct client_handler handler = {on_opened, on_message, on_closed};
    struct crowd *crowd = arg;

    (void)fd;
    (void)what;
    while (crowd->started < crowd->size &&
           crowd->started - crowd->counts.opened - crowd->counts.failed < OPENING_MAX) {
        if (!start_one(crowd, &handler, crowd->started++)) {
            crowd->counts.failed++;
            report_failure(crowd, "cannot connect", text_of(strerror(errno)));
        }
    }
    if (crowd->counts.opened + crowd->counts.failed == crowd->size && crowd->handler->opened)
        crowd->handler->opened(crowd->arg);
}

static void on_opened(void *arg)
{
    struct member *member = arg;

    member->open = true;
    member->crowd->counts.opened++;
    event_active(member->crowd->start, 0, 0);
}

static void on_message(void *arg, struct text message)
{
    struct member *member = arg;
    struct crowd *crowd = member->crowd;

    if (crowd->handler->message)
        crowd->handler->message(crowd->arg, (size_t)(member - crowd->members), message);
}

static void on_closed(void *arg, const struct client_end *end)
{
    struct member *member = arg;
    struct crowd *crowd = member->crowd;

    if (member->open) {
        member->open = false;
        crowd->counts.lost++;
        report_failure(crowd, "a session was lost", end->reason);
    } else {
        crowd->counts.failed++;
        report_failure(crowd, "a session was not opened",
                       end->http_status ? end->body : end->reason);
        event_active(crowd->start, 0, 0);
    }
}

/* False after a line on standard error. */
static bool allow_files(size_t count)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (count > limit.rlim_max) {
        fprintf(stderr,
                "parley-bench: %zu files are needed and %llu allowed: use fewer sessions, several "
                "processes, or a higher `ulimit -n`\n",
                count, (unsigned long long)limit.rlim_max);
        return false;
    }
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        fprintf(stderr, "parley-bench: cannot raise the limit of open files: %s\n",
                strerror(errno));
        return false;
    }
    return true;
}

struct crowd *crowd_new(struct event_base *base, size_t size, size_t max_message,
                        const struct crowd_handler *handler, void *arg)
{
    struct crowd *crowd;

    if (!allow_files(size + OTHER_FILES))
        return NULL;
    crowd = memory_alloc(sizeof(*crowd) + size * sizeof(crowd->members[0]));
    crowd->base = base;
    crowd->handler = handler;
    crowd->arg = arg;
    crowd->size = size;
    crowd->max_message = max_message;
    crowd->start = event_new(base, -1, 0, start_cb, crowd);
    event_active(crowd->start, 0, 0);
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    if (!crowd)
        return;
    for (size_t i = 0; i < crowd->started; i++)
        client_free(crowd->members[i].client);
    event_free(crowd->start);
    free(crowd);
}

struct crowd_counts crowd_count(const struct crowd *crowd)
{
    return crowd->counts;
}

bool crowd_send(struct crowd *crowd, size_t index, struct text message)
{
    return client_send(crowd->members[index].client, message);
}
