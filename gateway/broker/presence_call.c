#include "broker/presence_call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "broker/keys.h"

/* What of a call does not change between its runs, one behind the other in `bytes`. */
enum part { HASH, SEEN, CHANNEL, USER, FIELD, DEVICE, PART_COUNT };

struct call {
    struct presence_calls *calls;
    enum presence_operation operation;
    struct builder bytes;
    struct text parts[PART_COUNT];
    unsigned max;
    struct builder unknown; /* incarnations to be looked up; in all three each between blanks */
    struct builder dead;    /* looked up, and not live */
    struct builder nowhere; /* of those, who is not even expired */
    presence_call_cb *done;
    void *arg;
    TAILQ_ENTRY(call) link; /* while it waits for a renewal */
};

struct presence_calls {
    struct presence_calls_settings settings;
    TAILQ_HEAD(, call) waiting;
};

struct presence_calls *presence_calls_new(const struct presence_calls_settings *settings)
{
    struct presence_calls *calls = memory_alloc(sizeof(*calls));

    calls->settings = *settings;
    TAILQ_INIT(&calls->waiting);
    return calls;
}

void presence_calls_free(struct presence_calls *calls)
{
    assert(calls == NULL || TAILQ_EMPTY(&calls->waiting));
    free(calls);
}

/* ---- A call ---- */

static void copy_parts(struct call *call, const struct presence_request *request)
{
    const struct presence_calls_settings *settings = &call->calls->settings;
    struct builder *bytes = &call->bytes;
    size_t ends[PART_COUNT];
    size_t at = 0;

    builder_init(bytes, SIZE_MAX);
    keys_presence(settings->keys, request->user, bytes);
    ends[HASH] = bytes->len;
    keys_seen(settings->keys, request->user, bytes);
    ends[SEEN] = bytes->len;
    if (settings->tell)
        keys_presence_events_channel(settings->keys, request->user, bytes);
    ends[CHANNEL] = bytes->len;
    builder_append_json(bytes, request->user);
    ends[USER] = bytes->len;
    builder_append(bytes, request->field);
    ends[FIELD] = bytes->len;
    builder_append(bytes, request->device);
    ends[DEVICE] = bytes->len;
    for (size_t i = 0; i < PART_COUNT; at = ends[i++])
        call->parts[i] = (struct text){bytes->data + at, ends[i] - at};
}

static void finish(struct call *call, enum broker_outcome outcome,
                   const struct presence_answer *answer)
{
    call->done(call->arg, outcome, answer);
    builder_clear(&call->bytes);
    builder_clear(&call->unknown);
    builder_clear(&call->dead);
    builder_clear(&call->nowhere);
    free(call);
}

static bool read_number(const struct redisReply *reply, int64_t *number)
{
    if (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0)
        return false;
    *number = reply->integer;
    return true;
}

/* The answers 'ok' and 'full' of the script. */
static bool read_answer(const struct redisReply *reply, struct presence_answer *answer)
{
    int64_t numbers[3] = {0};

    answer->full = reply->elements == 2;
    if (reply->elements != 2 && reply->elements != 4)
        return false;
    for (size_t i = 1; i < reply->elements; i++)
        if (!read_number(reply->element[i], &numbers[i - 1]))
            return false;
    answer->sessions = (size_t)numbers[0];
    answer->since_ms = numbers[1];
    answer->at_ms = numbers[2];
    return true;
}

static void read_unknown(struct call *call, const struct redisReply *reply)
{
    builder_reset(&call->unknown);
    for (size_t i = 1; i < reply->elements; i++) {
        const struct redisReply *name = reply->element[i];

        if (name->type != REDIS_REPLY_STRING)
            continue;
        lease_list_add(&call->unknown, (struct text){name->str, name->len});
    }
}

static bool is_status(const struct redisReply *reply, const char *status)
{
    return text_equal((struct text){reply->str, reply->len}, text_of(status));
}

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct call *call = arg;
    struct presence_answer answer = {0};

    if (outcome == BROKER_REFUSED) {
        answer.foreign_key = strncmp(reply->str, "WRONGTYPE", strlen("WRONGTYPE")) == 0;
        finish(call, outcome, &answer);
        return;
    }
    if (outcome != BROKER_ANSWERED) {
        finish(call, outcome, NULL);
        return;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 1 &&
        reply->element[0]->type == REDIS_REPLY_STRING) {
        if (is_status(reply->element[0], "unknown")) {
            /* A renewal that is answered from now on ran after this: it knows them, if they live.
             */
            read_unknown(call, reply);
            TAILQ_INSERT_TAIL(&call->calls->waiting, call, link);
            lease_renew(call->calls->settings.lease);
            return;
        }
        if (read_answer(reply, &answer)) {
            finish(call, BROKER_ANSWERED, &answer);
            return;
        }
    }
    log_repeated(LOG_LEVEL_ERROR, "redis_answer_wrong", LOG_STRING("script", "presence"));
    finish(call, BROKER_UNANSWERED, NULL);
}

static void run(struct call *call)
{
    static const char *const operations[] = {"look", "register", "leave"};
    const struct presence_calls_settings *settings = &call->calls->settings;
    char ttl[24];
    char max[16];

    snprintf(ttl, sizeof(ttl), "%lld", (long long)settings->seen_ttl_ms);
    snprintf(max, sizeof(max), "%u", call->max);
    const struct text args[] = {
        call->parts[HASH],
        call->parts[SEEN],
        text_of(operations[call->operation]),
        lease_live(settings->lease),
        builder_text(&call->dead),
        call->parts[CHANNEL],
        call->parts[USER],
        call->parts[FIELD],
        text_of(ttl),
        call->parts[DEVICE],
        text_of(max),
        lease_former(settings->lease),
        builder_text(&call->nowhere),
    };
    scripts_run(settings->scripts, SCRIPT_PRESENCE, args, 2, sizeof(args) / sizeof(*args),
                on_answer, call);
}

void presence_call(struct presence_calls *calls, const struct presence_request *request,
                   presence_call_cb *done, void *arg)
{
    struct call *call = memory_alloc(sizeof(*call));

    call->calls = calls;
    call->operation = request->operation;
    copy_parts(call, request);
    call->max = request->max;
    builder_init(&call->unknown, SIZE_MAX);
    builder_init(&call->dead, SIZE_MAX);
    builder_init(&call->nowhere, SIZE_MAX);
    call->done = done;
    call->arg = arg;
    run(call);
}

/* ---- What was looked up ---- */

static bool is_member(const struct lease *lease, struct text incarnation)
{
    struct text others = lease_others(lease);
    struct text dead = TEXT(LEASE_DEAD_PREFIX);
    struct text name;

    while ((name = lease_list_next(&others)).len > 0) {
        if (text_starts_with(name, dead))
            name = (struct text){name.at + dead.len, name.len - dead.len};
        if (text_equal(name, incarnation))
            return true;
    }
    return false;
}

static void judge(struct call *call)
{
    const struct lease *lease = call->calls->settings.lease;
    struct text unknown = builder_text(&call->unknown);
    struct text name;

    while ((name = lease_list_next(&unknown)).len > 0) {
        if (lease_is_live(lease, name))
            continue;
        lease_list_add(&call->dead, name);
        if (!is_member(lease, name)) {
            log_repeated(LOG_LEVEL_INFO, "leftover_removed", LOG_TEXT("incarnation", name),
                         LOG_TEXT("key", call->parts[HASH]));
            lease_list_add(&call->nowhere, name);
        }
    }
}

void presence_calls_renewed(struct presence_calls *calls, enum lease_answer answer)
{
    struct call *call;

    if (answer != LEASE_HELD) {
        presence_calls_fail(calls);
        return;
    }
    while ((call = TAILQ_FIRST(&calls->waiting)) != NULL) {
        TAILQ_REMOVE(&calls->waiting, call, link);
        judge(call);
        run(call);
    }
}

void presence_calls_fail(struct presence_calls *calls)
{
    struct call *call;

    while ((call = TAILQ_FIRST(&calls->waiting)) != NULL) {
        TAILQ_REMOVE(&calls->waiting, call, link);
        finish(call, BROKER_NOT_SENT, NULL);
    }
}
