#include "broker/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "base/metrics.h"

struct lease {
    struct loop *loop;
    struct scripts *scripts;
    struct builder set; /* the key of the gateways */
    struct builder id;
    struct builder incarnation;
    bool claimed; /* Redis gave this incarnation its lease once */
    bool busy;    /* a renewal has no outcome yet */
    bool stale;   /* and it is for a name that is a former one now */
    bool held;    /* the last renewal was answered so */
    int64_t sent_ms;
    int64_t renewed_ms;    /* when the last renewal that was answered so was sent */
    struct builder former; /* these three: names, each between blanks */
    struct builder live;
    struct builder others;
    lease_cb *answered;
    void *arg;
};

/* ---- Lists of names ---- */

void lease_list_add(struct builder *list, struct text name)
{
    if (list->len == 0)
        builder_append_char(list, ' ');
    builder_append(list, name);
    builder_append_char(list, ' ');
}

bool lease_list_has(struct text list, struct text name)
{
    struct text found;

    while ((found = lease_list_next(&list)).len > 0)
        if (text_equal(found, name))
            return true;
    return false;
}

struct text lease_list_next(struct text *list)
{
    struct text name = {0};

    while (name.len == 0 && list->len > 0)
        name = text_split(list, ' ');
    return name;
}

static void list_remove(struct builder *list, struct text name)
{
    struct builder before = *list;
    struct text rest = builder_text(&before);
    struct text kept;

    builder_init(list, SIZE_MAX);
    while ((kept = lease_list_next(&rest)).len > 0)
        if (!text_equal(kept, name))
            lease_list_add(list, kept);
    builder_clear(&before);
}

/* ---- Names ---- */

static void draw_incarnation(struct lease *lease)
{
    uint32_t random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        abort(); /* small requests are neither cut nor interrupted (getrandom(2)) */
    builder_reset(&lease->incarnation);
    builder_append(&lease->incarnation, builder_text(&lease->id));
    builder_printf(&lease->incarnation, "-%08x", random);
    lease->claimed = false;
    lease->held = false;
}

struct lease *lease_new(struct loop *loop, const struct keys *keys, struct scripts *scripts,
                        struct text id, lease_cb *answered, void *arg)
{
    struct lease *lease = memory_alloc(sizeof(*lease));

    lease->loop = loop;
    lease->scripts = scripts;
    lease->answered = answered;
    lease->arg = arg;
    builder_init(&lease->former, SIZE_MAX);
    builder_init(&lease->live, SIZE_MAX);
    builder_init(&lease->others, SIZE_MAX);
    builder_init(&lease->set, SIZE_MAX);
    keys_gateways(keys, &lease->set);
    builder_init(&lease->id, SIZE_MAX);
    builder_append(&lease->id, id);
    builder_init(&lease->incarnation, SIZE_MAX);
    draw_incarnation(lease);
    return lease;
}

void lease_free(struct lease *lease)
{
    if (lease == NULL)
        return;
    builder_clear(&lease->former);
    builder_clear(&lease->live);
    builder_clear(&lease->others);
    builder_clear(&lease->set);
    builder_clear(&lease->id);
    builder_clear(&lease->incarnation);
    free(lease);
}

/* ---- Renewing ---- */

/* A member that is no name of an incarnation was put there by somebody else: it is nobody's. */
static bool read_names(const struct redisReply *reply, struct builder *list)
{
    builder_reset(list);
    if (reply->type != REDIS_REPLY_ARRAY)
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        const struct redisReply *name = reply->element[i];
        if (name->type != REDIS_REPLY_STRING)
            return false;
        if (name->len > 0 && memchr(name->str, ' ', name->len) == NULL)
            lease_list_add(list, (struct text){name->str, name->len});
    }
    return true;
}

/* False when it is not what scripts/renew.lua answers. */
static bool read_answer(struct lease *lease, const struct redisReply *reply, bool *held)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER)
        return false;
    *held = reply->element[0]->integer == 1;
    return read_names(reply->element[1], &lease->live) &&
           read_names(reply->element[2], &lease->others);
}

static enum lease_answer take_answer(struct lease *lease, bool held)
{
    lease->held = held;
    if (held) {
        lease->renewed_ms = lease->sent_ms;
        if (!lease->claimed) {
            metrics_add(METRIC_LEASES_CLAIMED, 1);
            log_info("lease_claimed", LOG_TEXT("incarnation", lease_incarnation(lease)));
        }
        lease->claimed = true;
        return LEASE_HELD;
    }
    if (lease->claimed)
        log_warn("lease_gone", LOG_TEXT("incarnation", lease_incarnation(lease)));
    lease_rename(lease);
    return LEASE_RENAMED;
}

static enum lease_answer take_outcome(struct lease *lease, enum broker_outcome outcome,
                                      const struct redisReply *reply)
{
    bool held = false;
    bool stale = lease->stale;

    lease->stale = false;
    if (stale)
        return LEASE_UNKNOWN;
    switch (outcome) {
    case BROKER_ANSWERED:
        if (read_answer(lease, reply, &held))
            return take_answer(lease, held);
        log_repeated(LOG_LEVEL_ERROR, "redis_answer_wrong", LOG_STRING("script", "renew"));
        lease->held = false;
        return LEASE_REFUSED;
    case BROKER_REFUSED:
        lease->held = false;
        return strncmp(reply->str, "READONLY", strlen("READONLY")) == 0 ? LEASE_READ_ONLY
                                                                        : LEASE_REFUSED;
    case BROKER_UNANSWERED:
        if (lease->claimed)
            return LEASE_UNKNOWN;
        lease_rename(lease);
        return LEASE_RENAMED;
    case BROKER_NOT_SENT:
    default:
        return LEASE_UNKNOWN;
    }
}

static void on_renewed(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct lease *lease = arg;

    lease->busy = false;
    lease->answered(lease->arg, take_outcome(lease, outcome, reply));
}

void lease_renew(struct lease *lease)
{
    char duration[16];

    if (lease->busy)
        return;
    snprintf(duration, sizeof(duration), "%d", LEASE_MS);
    const struct text args[] = {builder_text(&lease->set), lease_incarnation(lease),
                                text_of(duration), lease->claimed ? TEXT("renew") : TEXT("claim"),
                                lease_former(lease)};
    lease->busy = true;
    lease->sent_ms = loop_now_ms(lease->loop);
    scripts_run(lease->scripts, SCRIPT_RENEW, args, 1, sizeof(args) / sizeof(*args), on_renewed,
                lease);
}

static void add_former(struct lease *lease)
{
    struct text rest = lease_former(lease);
    struct text oldest = lease_list_next(&rest);
    size_t count = 0;

    while (lease_list_next(&rest).len > 0)
        count++;
    if (count + 1 >= LEASE_FORMER_MAX)
        list_remove(&lease->former, oldest);
    lease_list_add(&lease->former, lease_incarnation(lease));
}

void lease_rename(struct lease *lease)
{
    if (lease->claimed)
        add_former(lease);
    lease->stale = lease->busy;
    draw_incarnation(lease);
}

static void on_removed(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    (void)arg; /* whatever came of it: a lease that stays expires */
    (void)outcome;
    (void)reply;
}

void lease_remove(struct lease *lease, struct connection *commands)
{
    const struct text args[] = {TEXT("ZREM"), builder_text(&lease->set), lease_incarnation(lease)};

    connection_command(commands, args, sizeof(args) / sizeof(*args), on_removed, NULL);
}

/* ---- Who is alive ---- */

bool lease_is_held(const struct lease *lease)
{
    return lease->held && loop_now_ms(lease->loop) - lease->renewed_ms < LEASE_MS;
}

struct text lease_incarnation(const struct lease *lease)
{
    return builder_text(&lease->incarnation);
}

struct text lease_former(const struct lease *lease)
{
    return builder_text(&lease->former);
}

void lease_forget_former(struct lease *lease, struct text incarnation)
{
    list_remove(&lease->former, incarnation);
}

struct text lease_live(const struct lease *lease)
{
    return builder_text(&lease->live);
}

bool lease_is_live(const struct lease *lease, struct text incarnation)
{
    struct text live = lease_live(lease);
    struct text entry;

    while ((entry = lease_list_next(&live)).len > 0)
        if (text_equal(text_split(&entry, '='), incarnation))
            return true;
    return false;
}

struct text lease_others(const struct lease *lease)
{
    return builder_text(&lease->others);
}
