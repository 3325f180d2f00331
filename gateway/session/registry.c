#include "session/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/map.h"
#include "base/metrics.h"
#include "session/internal.h"
#include "session/ledger.h"
#include "session/pauses.h"

/* One user that has sessions here: the head of their list. */
struct registry_user {
    struct session_membership *first;
    struct session_membership *last;
    size_t count;
};

struct registry {
    struct loop *loop;
    struct keepalive *keepalive;
    struct pauses *pauses;
    struct receipts *receipts;
    struct registry_events events;
    size_t output_limit;
    uint64_t next_number;
    struct map *by_number; /* the number's bytes -> struct session */
    struct map *by_user;   /* user id -> struct registry_user */
};

enum { KIND_NATIVE, KIND_PAIR };

static struct text number_key(const uint64_t *number)
{
    return (struct text){(const char *)number, sizeof(*number)};
}

struct registry *registry_new(struct loop *loop, struct keepalive *keepalive, size_t output_limit,
                              const struct registry_events *events)
{
    static const char *const kinds[] = {"native", "pair"};
    struct registry *registry = memory_alloc(sizeof(*registry));

    registry->loop = loop;
    registry->keepalive = keepalive;
    registry->pauses = pauses_new(loop, keepalive);
    registry->receipts = receipts_new(loop);
    registry->events = *events;
    registry->output_limit = output_limit;
    registry->next_number = 1;
    registry->by_number = map_new();
    registry->by_user = map_new();
    metrics_label_values(METRIC_SESSIONS, kinds, 2);
    metrics_label_values(METRIC_SESSIONS_OPENED, kinds, 2);
    ledger_register();
    return registry;
}

static void free_session(void *arg, struct text key, void *value)
{
    struct registry *registry = arg;
    struct session *session = value;

    (void)key;
    registry_detach(registry, session);
    registry_remove(registry, session);
    loop_cancel(registry->loop, &session->free_later);
    session_free(session);
}

void registry_free(struct registry *registry)
{
    if (registry == NULL)
        return;
    map_each(registry->by_number, free_session, registry);
    map_free(registry->by_number);
    map_free(registry->by_user);
    pauses_free(registry->pauses);
    receipts_free(registry->receipts);
    free(registry);
}

static void attach(struct registry *registry, struct session *session, size_t index)
{
    struct session_membership *membership = &session->memberships[index];
    struct registry_user *user = map_get(registry->by_user, session->users[index]);
    bool first = user == NULL;

    if (first) {
        user = memory_alloc(sizeof(*user));
        map_set(registry->by_user, session->users[index], user);
        metrics_add(METRIC_USERS, 1);
    }
    membership->session = session;
    membership->user = user;
    membership->next = NULL;
    membership->previous = user->last;
    if (user->last != NULL)
        user->last->next = membership;
    else
        user->first = membership;
    user->last = membership;
    user->count++;
    if (first)
        registry->events.first(registry->events.arg, session->users[index]);
}

static void detach(struct registry *registry, struct session *session, size_t index)
{
    struct session_membership *membership = &session->memberships[index];
    struct registry_user *user = membership->user;

    if (user == NULL)
        return;
    if (membership->previous != NULL)
        membership->previous->next = membership->next;
    else
        user->first = membership->next;
    if (membership->next != NULL)
        membership->next->previous = membership->previous;
    else
        user->last = membership->previous;
    membership->user = NULL;
    if (--user->count > 0)
        return;
    map_remove(registry->by_user, session->users[index]);
    free(user);
    metrics_add(METRIC_USERS, -1);
    registry->events.last(registry->events.arg, session->users[index]);
}

static void free_at_end_of_turn(void *arg)
{
    session_free(arg);
}

static void draw_name(char name[SESSION_NAME_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t random[(SESSION_NAME_SIZE - 1) / 2];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        abort();
    for (size_t i = 0; i < sizeof(random); i++) {
        name[2 * i] = digits[random[i] >> 4];
        name[2 * i + 1] = digits[random[i] & 15];
    }
    name[SESSION_NAME_SIZE - 1] = '\0';
}

/* One allocation for all the texts of an identity. */
static void copy_identity(struct session *session, const struct session_identity *identity)
{
    size_t len = identity->device.len;
    char *at;

    for (size_t i = 0; i < identity->user_count; i++)
        len += identity->users[i].len;
    session->identity = at = memory_alloc(len);
    session->user_count = identity->user_count;
    for (size_t i = 0; i < identity->user_count; i++) {
        memcpy(at, identity->users[i].at, identity->users[i].len);
        session->users[i] = (struct text){at, identity->users[i].len};
        at += identity->users[i].len;
    }
    memcpy(at, identity->device.at, identity->device.len);
    session->device = (struct text){at, identity->device.len};
    session->pair = identity->pair;
    session->receipt.is_kept = !identity->acks;
}

struct session *registry_open(struct registry *registry, const struct session_identity *identity,
                              const struct session_transport *transport, void *connection)
{
    struct session *session = memory_alloc(sizeof(*session));

    assert(identity->user_count == 1 || identity->user_count == 2);
    session->number = registry->next_number++;
    session->state = SESSION_OPENING;
    session->registry = registry;
    session->transport = transport;
    session->connection = connection;
    output_init(&session->output, registry->output_limit);
    output_init(&session->held, SESSION_HELD_MAX);
    deferred_init(&session->free_later, free_at_end_of_turn, session);
    draw_name(session->name);
    copy_identity(session, identity);

    map_set(registry->by_number, number_key(&session->number), session);
    metrics_add_labelled(METRIC_SESSIONS, session->pair ? KIND_PAIR : KIND_NATIVE, 1);
    metrics_add_labelled(METRIC_SESSIONS_OPENED, session->pair ? KIND_PAIR : KIND_NATIVE, 1);
    keepalive_heard(registry->keepalive, &session->keepalive);
    for (size_t i = 0; i < session->user_count; i++)
        attach(registry, session, i);
    return session;
}

void registry_detach(struct registry *registry, struct session *session)
{
    if (session->memberships[0].user == NULL)
        return;
    registry->events.left(registry->events.arg, session);
    pauses_remove(registry->pauses, session);
    keepalive_remove(&session->keepalive);
    receipts_remove(registry->receipts, session);
    for (size_t i = 0; i < session->user_count; i++)
        detach(registry, session, i);
}

struct receipts *registry_receipts(const struct registry *registry)
{
    return registry->receipts;
}

struct keepalive *registry_keepalive(const struct registry *registry)
{
    return registry->keepalive;
}

void registry_pause(struct registry *registry, struct session *session)
{
    pauses_add(registry->pauses, session);
}

void registry_resume(struct registry *registry)
{
    pauses_end(registry->pauses);
}

void registry_remove(struct registry *registry, struct session *session)
{
    if (map_remove(registry->by_number, number_key(&session->number)) == NULL)
        return;
    metrics_add_labelled(METRIC_SESSIONS, session->pair ? KIND_PAIR : KIND_NATIVE, -1);
    loop_defer(registry->loop, &session->free_later);
    if (map_size(registry->by_number) == 0)
        registry->events.empty(registry->events.arg);
}

struct session *registry_find(const struct registry *registry, uint64_t number)
{
    return map_get(registry->by_number, number_key(&number));
}

size_t registry_size(const struct registry *registry)
{
    return map_size(registry->by_number);
}

void registry_each_of_user(struct registry *registry, struct text user, registry_visit_cb *visit,
                           void *arg)
{
    struct registry_user *found = map_get(registry->by_user, user);
    struct session_membership *next;

    if (found == NULL)
        return;
    /* The last visitor may close the last session, and `found` with it: only `next` is used. */
    for (struct session_membership *at = found->first; at != NULL; at = next) {
        next = at->next;
        visit(arg, at->session);
    }
}

struct visit_all {
    registry_visit_cb *visit;
    void *arg;
};

static void visit_one(void *arg, struct text key, void *value)
{
    const struct visit_all *all = arg;

    (void)key;
    all->visit(all->arg, value);
}

void registry_each(struct registry *registry, registry_visit_cb *visit, void *arg)
{
    struct visit_all all = {visit, arg};

    map_each(registry->by_number, visit_one, &all);
}
