#include "broker/reaper.h"

#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "base/metrics.h"
#include "broker/beat.h"
#include "broker/command.h"
#include "broker/keys.h"

#define GAP_MS ((int64_t)2 * BEAT_MS) /* between two renewals: a longer one was an outage */
#define BATCH 200                     /* users at a time: Redis serves the others in between */

/* What is under way. One thing is asked at a time, but for the users of a batch. */
struct reaper {
    struct reaper_settings settings;
    struct loop *loop;
    int64_t trusted_ms; /* from when on, without a break, the lease was renewed; 0: not yet */
    int64_t looked_ms;  /* at the last renewal */

    bool busy;
    struct builder names; /* still to be looked at, as lease_others() has them */
    struct text rest;     /* of `names` */
    struct builder victim;
    bool own; /* the victim is a former name of this gateway */
    int64_t begun_ms;
    uint64_t cleaned; /* its users so far */

    struct builder users; /* of the batch, as Redis has them, one behind the other */
    size_t lens[BATCH];
    size_t count;
    size_t unanswered;
    bool failed; /* one of the batch */

    loop_cb *finished; /* NULL until reaper_finish() */
    void *finished_arg;
    struct deferred tell_finished;
};

static void look_at_next(struct reaper *reaper);
static void list_users(struct reaper *reaper);

static struct text victim_of(const struct reaper *reaper)
{
    return builder_text(&reaper->victim);
}

static void set_idle(struct reaper *reaper)
{
    reaper->busy = false;
    if (reaper->finished != NULL)
        loop_defer(reaper->loop, &reaper->tell_finished);
}

/* The claim expires, and whoever notices goes on. A refusal is about this victim's keys: the others
 * are not to wait until somebody mends them. */
static void give_up(struct reaper *reaper, const char *what, enum broker_outcome outcome,
                    const struct redisReply *reply)
{
    char error[COMMAND_ERROR_MAX] = "no answer";

    if (outcome == BROKER_REFUSED && reply != NULL)
        command_error_text(reply, error);
    log_repeated(LOG_LEVEL_WARN, "reaping_failed", LOG_TEXT("incarnation", victim_of(reaper)),
                 LOG_STRING("what", what), LOG_STRING("reason", error));
    if (outcome == BROKER_REFUSED)
        look_at_next(reaper);
    else
        set_idle(reaper);
}

/* ---- The end of a victim ---- */

static void on_removed(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct reaper *reaper = arg;

    if (outcome != BROKER_ANSWERED) {
        give_up(reaper, "its claim", outcome, reply);
        return;
    }
    metrics_add(METRIC_INCARNATIONS_CLEANED, 1);
    log_info("incarnation_cleaned", LOG_TEXT("incarnation", victim_of(reaper)),
             LOG_NUMBER("users", (int64_t)reaper->cleaned), LOG_NUMBER("own", reaper->own),
             LOG_NUMBER("took_ms", loop_now_ms(reaper->loop) - reaper->begun_ms));
    if (reaper->own)
        lease_forget_former(reaper->settings.lease, victim_of(reaper));
    look_at_next(reaper);
}

static void append_member(const struct reaper *reaper, struct builder *out)
{
    builder_append_string(out, LEASE_DEAD_PREFIX);
    builder_append(out, victim_of(reaper));
}

static void remove_claim(struct reaper *reaper)
{
    struct builder names; /* the set of gateways and the member */

    builder_init(&names, SIZE_MAX);
    keys_gateways(reaper->settings.keys, &names);
    size_t key_len = names.len;
    append_member(reaper, &names);
    const struct text args[] = {
        TEXT("ZREM"), {names.data, key_len}, {names.data + key_len, names.len - key_len}};
    connection_command(reaper->settings.commands, args, 3, on_removed, reaper);
    builder_clear(&names);
}

/* ---- Claims ---- */

static void claim(struct reaper *reaper, struct text member, bool own, pending_cb *done)
{
    char duration[16];
    struct builder key;

    snprintf(duration, sizeof(duration), "%d", LEASE_MS);
    builder_init(&key, SIZE_MAX);
    keys_gateways(reaper->settings.keys, &key);
    const struct text args[] = {builder_text(&key), member, text_of(duration),
                                own ? TEXT("own") : TEXT("expired")};
    scripts_run(reaper->settings.scripts, SCRIPT_REAP, args, 1, 4, done, reaper);
    builder_clear(&key);
}

static void on_claimed(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct reaper *reaper = arg;

    if (outcome != BROKER_ANSWERED) {
        give_up(reaper, "claiming it", outcome, reply);
        return;
    }
    /* A former name of one's own may be gone, and have got registrations that were on their way. */
    if (reaper->own || (reply->type == REDIS_REPLY_INTEGER && reply->integer == 1)) {
        reaper->begun_ms = loop_now_ms(reaper->loop);
        reaper->cleaned = 0;
        list_users(reaper);
    } else {
        look_at_next(reaper); /* somebody else was faster, or it is alive */
    }
}

static void look_at_next(struct reaper *reaper)
{
    struct text prefix = TEXT(LEASE_DEAD_PREFIX);
    struct text member = lease_list_next(&reaper->rest);
    struct text victim = member;

    if (member.len == 0) {
        set_idle(reaper);
        return;
    }
    if (text_starts_with(member, prefix))
        victim = (struct text){member.at + prefix.len, member.len - prefix.len};
    builder_reset(&reaper->victim);
    builder_append(&reaper->victim, victim);
    reaper->own = lease_list_has(lease_former(reaper->settings.lease), victim);
    claim(reaper, member, reaper->own, on_claimed);
}

/* ---- A batch of users ---- */

static void on_extended(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    (void)arg; /* when it expires, somebody else helps */
    (void)outcome;
    (void)reply;
}

static void on_taken_off(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct reaper *reaper = arg;

    if (outcome == BROKER_ANSWERED)
        list_users(reaper);
    else
        give_up(reaper, "taking its users off the list", outcome, reply);
}

static void append_users_key(const struct reaper *reaper, struct builder *out)
{
    keys_gateway_users(reaper->settings.keys, victim_of(reaper), out);
}

/* The users of the batch have nothing of the victim any more. */
static void take_off(struct reaper *reaper)
{
    struct text args[2 + BATCH] = {TEXT("SREM")};
    struct builder name;
    const char *at = reaper->users.data;

    builder_init(&name, SIZE_MAX);
    append_users_key(reaper, &name);
    args[1] = builder_text(&name);
    for (size_t i = 0; i < reaper->count; at += reaper->lens[i++])
        args[2 + i] = (struct text){at, reaper->lens[i]};
    connection_command(reaper->settings.commands, args, 2 + reaper->count, on_taken_off, reaper);
    builder_reset(&name);
    append_member(reaper, &name);
    claim(reaper, builder_text(&name), true, on_extended);
    builder_clear(&name);
}

static void finish_batch(struct reaper *reaper)
{
    if (reaper->failed) {
        give_up(reaper, "its users", BROKER_UNANSWERED, NULL);
        return;
    }
    reaper->cleaned += reaper->count;
    metrics_add(METRIC_USERS_CLEANED, (int64_t)reaper->count);
    take_off(reaper);
}

static void on_cleaned(void *arg, enum broker_outcome outcome, const struct presence_answer *answer)
{
    struct reaper *reaper = arg;

    /* A key of another type is logged: the others are not to wait until somebody mends it. */
    if (outcome != BROKER_ANSWERED && !(outcome == BROKER_REFUSED && answer->foreign_key))
        reaper->failed = true;
    if (--reaper->unanswered == 0)
        finish_batch(reaper);
}

static void clean(struct reaper *reaper, struct text encoded)
{
    struct builder user;
    struct builder field;

    builder_init(&user, SIZE_MAX);
    builder_init(&field, SIZE_MAX);
    builder_append(&field, victim_of(reaper));
    builder_append_char(&field, '/');
    if (text_percent_decode(encoded, false, &user)) {
        const struct presence_request request = {.operation = PRESENCE_LEAVE,
                                                 .user = builder_text(&user),
                                                 .field = builder_text(&field)};
        reaper->unanswered++;
        presence_call(reaper->settings.calls, &request, on_cleaned, reaper);
    }
    builder_clear(&user);
    builder_clear(&field);
}

static void clean_batch(struct reaper *reaper, const struct redisReply *reply)
{
    builder_reset(&reaper->users);
    reaper->failed = false;
    reaper->count = 0;
    for (size_t i = 0; i < reply->elements && i < BATCH; i++) {
        const struct redisReply *user = reply->element[i];

        builder_append(&reaper->users, (struct text){user->str, user->len});
        reaper->lens[reaper->count++] = user->len;
    }
    reaper->unanswered = 1;
    for (size_t i = 0; i < reaper->count; i++)
        clean(reaper, (struct text){reply->element[i]->str, reply->element[i]->len});
    if (--reaper->unanswered == 0) /* not one of them was a user's */
        take_off(reaper);
}

static void on_listed(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct reaper *reaper = arg;

    if (outcome != BROKER_ANSWERED || reply->type != REDIS_REPLY_ARRAY)
        give_up(reaper, "listing its users", outcome, reply);
    else if (reply->elements == 0)
        remove_claim(reaper);
    else
        clean_batch(reaper, reply);
}

static void list_users(struct reaper *reaper)
{
    char count[16];
    struct builder key;

    if (reaper->trusted_ms == 0 && !reaper->own) { /* it lost its own lease meanwhile */
        set_idle(reaper);
        return;
    }
    snprintf(count, sizeof(count), "%d", BATCH);
    builder_init(&key, SIZE_MAX);
    append_users_key(reaper, &key);
    connection_command(reaper->settings.commands,
                       (struct text[]){TEXT("SRANDMEMBER"), builder_text(&key), text_of(count)}, 3,
                       on_listed, reaper);
    builder_clear(&key);
}

/* ---- Looking ---- */

void reaper_begin_anew(struct reaper *reaper)
{
    reaper->trusted_ms = 0;
    reaper->rest = (struct text){0};
}

/* Also a process that was stopped was away. */
static bool look_is_careful(struct reaper *reaper)
{
    int64_t now_ms = loop_now_ms(reaper->loop);

    if (reaper->trusted_ms == 0 || now_ms - reaper->looked_ms > GAP_MS)
        reaper->trusted_ms = now_ms;
    reaper->looked_ms = now_ms;
    return now_ms - reaper->trusted_ms < LEASE_MS;
}

void reaper_look(struct reaper *reaper, bool renewed)
{
    bool careful = look_is_careful(reaper) || reaper->finished != NULL;

    if (reaper->busy)
        return;
    builder_reset(&reaper->names);
    if (renewed)
        builder_append(&reaper->names, lease_former(reaper->settings.lease));
    if (!careful)
        builder_append(&reaper->names, lease_others(reaper->settings.lease));
    reaper->rest = builder_text(&reaper->names);
    reaper->busy = true;
    look_at_next(reaper);
}

/* ---- Beginning and end ---- */

static void tell_finished(void *arg)
{
    struct reaper *reaper = arg;

    reaper->finished(reaper->finished_arg);
}

void reaper_finish(struct reaper *reaper, loop_cb *done, void *arg)
{
    reaper->finished = done;
    reaper->finished_arg = arg;
    reaper->rest = (struct text){0}; /* a victim that is begun is finished */
    reaper_look(reaper, true);
}

struct reaper *reaper_new(struct loop *loop, const struct reaper_settings *settings)
{
    struct reaper *reaper = memory_alloc(sizeof(*reaper));

    reaper->settings = *settings;
    reaper->loop = loop;
    deferred_init(&reaper->tell_finished, tell_finished, reaper);
    builder_init(&reaper->names, SIZE_MAX);
    builder_init(&reaper->victim, SIZE_MAX);
    builder_init(&reaper->users, SIZE_MAX);
    return reaper;
}

void reaper_free(struct reaper *reaper)
{
    if (reaper == NULL)
        return;
    loop_cancel(reaper->loop, &reaper->tell_finished);
    builder_clear(&reaper->names);
    builder_clear(&reaper->victim);
    builder_clear(&reaper->users);
    free(reaper);
}
