/* broker/presence_call.h: running scripts/presence.lua, for the files of this folder.
 *
 * The script is given the list of live incarnations. When it meets one that is not there it does
 * nothing: the call waits for the next renewal of the lease, which brings the list as it is then,
 * and runs again. What an incarnation left that is not in Redis at all any more is removed on the
 * way. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/lease.h"
#include "broker/scripts.h"

enum presence_operation { PRESENCE_LOOK, PRESENCE_REGISTER, PRESENCE_LEAVE };

/* The texts are copied. */
struct presence_request {
    enum presence_operation operation;
    struct text user;
    struct text field;  /* REGISTER: INCARNATION/NUMBER; LEAVE: that, or all of INCARNATION/ */
    struct text device; /* REGISTER */
    unsigned max;       /* REGISTER: sessions of the user; 0: no limit */
};

struct presence_answer {
    bool foreign_key; /* BROKER_REFUSED, as it will be next time: the key has another type */
    bool full;        /* REGISTER: the user has `max` sessions; only that is set then */
    size_t sessions;  /* of the user, on all gateways */
    int64_t since_ms; /* as in presence.h */
    int64_t at_ms;    /* Redis' clock */
};

/* `answer` lives until it returns; NULL unless BROKER_ANSWERED or BROKER_REFUSED, with which only
 * foreign_key means something. */
typedef void presence_call_cb(void *arg, enum broker_outcome outcome,
                              const struct presence_answer *answer);

struct presence_calls;

struct presence_calls_settings {
    const struct keys *keys; /* these three outlive it */
    struct scripts *scripts;
    struct lease *lease;
    bool tell;           /* watchers, of who comes and goes */
    int64_t seen_ttl_ms; /* 0: for ever */
};

struct presence_calls *presence_calls_new(const struct presence_calls_settings *settings);
/* After the connection, which still answers what was pending; NULL is allowed. */
void presence_calls_free(struct presence_calls *calls);

/* `done` is called once, as broker.h says. */
void presence_call(struct presence_calls *calls, const struct presence_request *request,
                   presence_call_cb *done, void *arg);

/* What came of a renewal of the lease: the calls that wait for it run again, or fail. */
void presence_calls_renewed(struct presence_calls *calls, enum lease_answer answer);
/* The connection was lost: those that wait fail, as BROKER_NOT_SENT. */
void presence_calls_fail(struct presence_calls *calls);
