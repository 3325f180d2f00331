#include "broker/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"
#include "broker/command.h"

struct lease {
    struct loop *loop;
    struct scripts *scripts;
    struct builder set; /* the key of the gateways */
    struct builder id;
    struct builder incarnation;
    bool claimed; /* Redis gave this incarnation its lease once */
    bool busy;    /* a renewal has no outcome yet */
    bool held;    /* the last renewal was answered so */
    int64_t sent_ms;
    int64_t renewed_ms; /* when the last renewal that was answered so was sent */
    struct map *live;   /* incarnation -> anything */
    lease_cb *answered;
    void *arg;
};

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
    lease->live = map_new();
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
    map_free(lease->live);
    builder_clear(&lease->set);
    builder_clear(&lease->id);
    builder_clear(&lease->incarnation);
    free(lease);
}

/* ---- Renewing ---- */

/* False when it is not what scripts/renew.lua answers. */
static bool read_answer(struct lease *lease, const struct redisReply *reply, bool *held)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER)
        return false;
    *held = reply->element[0]->integer == 1;

    map_free(lease->live);
    lease->live = map_new();
    for (size_t i = 1; i < reply->elements; i++) {
        const struct redisReply *name = reply->element[i];
        if (name->type != REDIS_REPLY_STRING)
            return false;
        map_set(lease->live, (struct text){name->str, name->len}, lease);
    }
    return true;
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
    draw_incarnation(lease);
    return LEASE_RENAMED;
}

static enum lease_answer take_outcome(struct lease *lease, enum broker_outcome outcome,
                                      const struct redisReply *reply)
{
    bool held = false;

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
        draw_incarnation(lease);
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

bool lease_renew(struct lease *lease)
{
    char duration[16];

    if (lease->busy)
        return false;
    snprintf(duration, sizeof(duration), "%d", LEASE_MS);
    const struct text args[] = {builder_text(&lease->set), lease_incarnation(lease),
                                text_of(duration), lease->claimed ? TEXT("renew") : TEXT("claim")};
    lease->busy = true;
    lease->sent_ms = loop_now_ms(lease->loop);
    scripts_run(lease->scripts, SCRIPT_RENEW, args, 1, sizeof(args) / sizeof(*args), on_renewed,
                lease);
    return true;
}

void lease_doubt(struct lease *lease)
{
    lease->held = false;
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

bool lease_is_live(const struct lease *lease, struct text incarnation)
{
    return map_get(lease->live, incarnation) != NULL;
}

struct visit {
    lease_visit_cb *visit;
    void *arg;
};

static void visit_name(void *arg, struct text incarnation, void *value)
{
    const struct visit *visit = arg;

    (void)value;
    visit->visit(visit->arg, incarnation);
}

void lease_each_live(const struct lease *lease, lease_visit_cb *visit, void *arg)
{
    map_each(lease->live, visit_name, &(struct visit){visit, arg});
}

size_t lease_live_count(const struct lease *lease)
{
    return map_size(lease->live);
}
