#include "user.h"

#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "words.h"

/* ---- Sessions ---- */

struct user_session user_session_parse(struct text field, struct text value)
{
    struct user_session session = {.field = census_copy(field), .value = census_copy(value)};
    struct text since;
    uint64_t ms;
    uint64_t number;

    session.number = session.field;
    session.incarnation = text_split(&session.number, '/');
    session.device = session.value;
    since = text_split(&session.device, ' ');
    session.is_strange = session.incarnation.len == 0 || session.device.len == 0 ||
                         !text_to_number(session.number, UINT64_MAX, &number) ||
                         !text_to_number(since, INT64_MAX, &ms);
    if (!session.is_strange)
        session.since_ms = (int64_t)ms;
    return session;
}

void user_session_clear(struct user_session *session)
{
    free((void *)(uintptr_t)session->field.at);
    free((void *)(uintptr_t)session->value.at);
}

void user_session_append_why(const struct user_session *session, struct builder *out)
{
    if (session->is_strange) {
        builder_append_string(out, "INCARNATION/NUMBER and SINCE DEVICE would be right");
        return;
    }
    switch (session->lease) {
    case CENSUS_EXPIRED:
        builder_append_string(out, "the lease expired ");
        words_append_age(out, -session->left_ms);
        builder_append_string(out, " ago");
        break;
    case CENSUS_CLEANING:
        builder_append_string(out, "the gateway is dead and being cleaned up after");
        break;
    case CENSUS_NO_LEASE:
    case CENSUS_LIVE:
    default:
        builder_append_string(out, "the gateway has no lease");
        break;
    }
}

static int compare_sessions(const void *left, const void *right)
{
    const struct user_session *one = left;
    const struct user_session *other = right;

    if (one->since_ms != other->since_ms)
        return one->since_ms < other->since_ms ? -1 : 1;
    return text_compare(one->field, other->field);
}

/* HSCAN may tell of a field twice. */
static void drop_doubled(struct user_sessions *sessions)
{
    size_t kept = 0;

    qsort(sessions->items, sessions->count, sizeof(*sessions->items), compare_sessions);
    for (size_t i = 0; i < sessions->count; i++) {
        if (kept > 0 && text_equal(sessions->items[kept - 1].field, sessions->items[i].field))
            user_session_clear(&sessions->items[i]);
        else
            sessions->items[kept++] = sessions->items[i];
    }
    sessions->count = kept;
}

static bool take_session(void *arg, struct text field, struct text value)
{
    struct user_sessions *sessions = arg;

    sessions->is_cut = sessions->count == CENSUS_LIST_MAX;
    if (!sessions->is_cut)
        sessions->items[sessions->count++] = user_session_parse(field, value);
    return !sessions->is_cut;
}

static void take_score(struct user_session *session, const redisReply *live, const redisReply *dead,
                       int64_t now_ms)
{
    session->lease = CENSUS_NO_LEASE;
    if (live->type == REDIS_REPLY_STRING) {
        session->left_ms = redis_number(live) - now_ms;
        session->lease = session->left_ms > 0 ? CENSUS_LIVE : CENSUS_EXPIRED;
    } else if (dead->type == REDIS_REPLY_STRING) {
        session->left_ms = redis_number(dead) - now_ms;
        session->lease = CENSUS_CLEANING;
    }
}

/* Looks up every session's incarnation, as it is and as a dead one, with one command. */
static void read_leases(const struct census *census, struct user_sessions *sessions)
{
    struct builder key;
    struct builder dead;
    struct text args[2 + 2 * CENSUS_LIST_MAX];
    const redisReply *reply;

    builder_init(&key, SIZE_MAX);
    builder_init(&dead, SIZE_MAX);
    keys_gateways(census->keys, &key);
    for (size_t i = 0; i < sessions->count; i++) {
        builder_append_string(&dead, LEASE_DEAD_PREFIX);
        builder_append(&dead, sessions->items[i].incarnation);
    }
    args[0] = TEXT("ZMSCORE");
    args[1] = builder_text(&key);
    for (size_t i = 0, at = 0; i < sessions->count; i++) {
        struct text incarnation = sessions->items[i].incarnation;
        size_t len = strlen(LEASE_DEAD_PREFIX) + incarnation.len;

        args[2 + 2 * i] = incarnation;
        args[3 + 2 * i] = (struct text){dead.data + at, len};
        at += len;
    }
    reply =
        redis_ask(census->redis, REDIS_REPLY_ARRAY, "sorted set", args, 2 + 2 * sessions->count);
    for (size_t i = 0; reply && reply->elements == 2 * sessions->count && i < sessions->count; i++)
        take_score(&sessions->items[i], reply->element[2 * i], reply->element[2 * i + 1],
                   census->now_ms);
    builder_clear(&key);
    builder_clear(&dead);
}

struct user_sessions user_read_sessions(const struct census *census, struct text user)
{
    struct user_sessions sessions = {0};
    struct builder key;

    builder_init(&key, SIZE_MAX);
    keys_presence(census->keys, user, &key);
    sessions.items = memory_alloc(CENSUS_LIST_MAX * sizeof(*sessions.items));
    census_scan_hash(census, builder_text(&key), take_session, &sessions);
    drop_doubled(&sessions);
    if (sessions.count > 0)
        read_leases(census, &sessions);
    builder_clear(&key);
    return sessions;
}

void user_sessions_clear(struct user_sessions *sessions)
{
    for (size_t i = 0; i < sessions->count; i++)
        user_session_clear(&sessions->items[i]);
    free(sessions->items);
}

bool user_session_is_live(const struct user_session *session)
{
    return !session->is_strange && session->lease == CENSUS_LIVE;
}

int64_t user_read_seen(const struct census *census, struct text user)
{
    struct builder key;
    int64_t seen_ms;

    builder_init(&key, SIZE_MAX);
    keys_seen(census->keys, user, &key);
    const struct text args[] = {TEXT("GET"), builder_text(&key)};
    seen_ms = redis_number(redis_ask(census->redis, REDIS_REPLY_STRING, "string", args, 2));
    builder_clear(&key);
    return seen_ms;
}
