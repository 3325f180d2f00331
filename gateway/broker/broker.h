/* broker/broker.h: the face of Redis: commands, scripts and channels.
 *
 * Two connections, one for commands and one for subscriptions, each made again for ever with
 * jittered backoff. What hiredis is stays in this folder. The broker is up while commands are
 * answered (AUTH, SELECT, SCRIPT LOAD done, the schema agrees: schema.h), every channel that was
 * wanted when the subscription connection was made is confirmed, this gateway holds its lease
 * (lease.h), its sessions are registered under it (roster.h), and its beats come back (beat.h). A
 * Redis that does not answer for less than two beats is slow, not away: the broker stays up.
 *
 * SIGPIPE must be ignored. No function calls back before it returns; in a callback everything is
 * allowed but broker_free(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/buffer.h"
#include "base/loop.h"
#include "broker/keys.h"

struct broker;

/* What became of a command. Each callback fires exactly once, never inside the call that made it,
 * and also when the broker is freed (as BROKER_NOT_SENT or BROKER_UNANSWERED). */
enum broker_outcome {
    BROKER_ANSWERED,   /* and it did what it should */
    BROKER_REFUSED,    /* Redis answered an error: it did nothing */
    BROKER_NOT_SENT,   /* not handed to the kernel, at most in part: it surely did not run */
    BROKER_UNANSWERED, /* handed over and not answered in time: nobody knows */
};

/* What a channel is for. Each user has one of each kind. */
enum broker_channel {
    BROKER_USER,            /* what the user's clients get */
    BROKER_PRESENCE_EVENTS, /* that the user comes or goes, for who watches */
    BROKER_CHANNEL_COUNT
};

struct broker_events {
    /* Readiness changed. */
    void (*up)(void *arg);
    void (*down)(void *arg);
    /* Redis confirmed the subscription of this user's channel, also each time it is made anew. */
    void (*subscribed)(void *arg, enum broker_channel channel, struct text user);
    /* The session that broker_register() named is registered, also each time it is made anew; or
     * not `admitted`, because the user has as many sessions as are allowed: unregister it. */
    void (*registered)(void *arg, struct text user, uint64_t number, bool admitted);
    /* Bytes arrived on this user's channel; both texts live until the callback returns. */
    void (*published)(void *arg, enum broker_channel channel, struct text user, struct text bytes);
    /* Congested before, and not now: who was told to wait may go on. */
    void (*relieved)(void *arg);
};

/* Of commands without an answer, late ones included, and of their bytes. */
struct broker_bounds {
    size_t max; /* more are BROKER_NOT_SENT */
    size_t max_bytes;
    size_t congestion; /* from here on it is congested, until half of it: see broker_events */
    size_t congestion_bytes;
};

struct broker_settings {
    const struct redis_address *address; /* outlives the broker */
    const struct keys *keys;             /* outlives the broker */
    const char *schema;                  /* of keys.h; outlives the broker */
    struct text id;                      /* copied; begins the name of each incarnation */
    bool tell_presence;                  /* to who watches a user, on this or another gateway */
    int64_t seen_ttl_ms;        /* for how long it is known when a user left; 0: for ever */
    int64_t command_timeout_ms; /* after which a command counts as unanswered */
    struct broker_bounds bounds;
    const struct broker_events *events; /* outlives the broker */
    void *arg;
};

struct broker *broker_new(struct loop *loop, const struct broker_settings *settings);
void broker_start(struct broker *broker); /* returns at once; tries until broker_free() */
void broker_free(struct broker *broker);  /* fires what is pending; NULL is allowed */
bool broker_is_up(const struct broker *broker);

/* Redis is behind: who can wait should not ask for more until relieved() is called. What is asked
 * all the same is sent, up to the bound. */
bool broker_is_congested(const struct broker *broker);

/* Appends why it is not up, in UTF-8, for who operates it; nothing when it is. */
void broker_append_trouble(const struct broker *broker, struct builder *out);

/* This gateway's name in Redis; another one when its lease was gone, or its connection for commands
 * lost. Valid for this turn of the loop: copy it to keep it. */
struct text broker_incarnation(const struct broker *broker);

/* In which epoch Redis is (epoch.h): another one after a fail-over, and after each start. Hex
 * digits; empty until known, or where Redis does not tell. Valid for this turn of the loop. */
struct text broker_epoch(const struct broker *broker);

/* Closes the connections in order: what was handed over is written out first, UNSUBSCRIBE
 * included, and answered; who is still registered is unregistered; the last command gives the lease
 * back. When that is not possible others clean up after it has expired. `done` is called once,
 * after that or after the command timeout, and may free the broker. From the call on up() and
 * down() are not called, and once nobody is registered commands are BROKER_NOT_SENT. Once per
 * broker. */
void broker_stop(struct broker *broker, loop_cb *done, void *arg);

/* Wants this channel of the user, once: calling it for a wanted one does nothing. Gathered per turn
 * of the loop, hundreds of channels a command; what is taken back in the same turn does not leave,
 * so that subscribed() is not called again for a channel that stayed confirmed. */
void broker_subscribe(struct broker *broker, enum broker_channel channel, struct text user);
void broker_unsubscribe(struct broker *broker, enum broker_channel channel, struct text user);
/* True when Redis has confirmed it on the connection that exists now. */
bool broker_is_subscribed(const struct broker *broker, enum broker_channel channel,
                          struct text user);
/* Hands the gathered SUBSCRIBE to the kernel now: before an upgrade is answered, so that nothing
 * sent after the answer can reach Redis before it. (Redis serves the sockets that are ready
 * together in an order of its own, though: what reaches it within the same turn of its loop, on
 * another connection, may still run first. Only subscribed() excludes that.) */
void broker_flush_subscriptions(struct broker *broker);

/* One session of a user. */
struct broker_session {
    struct text user;
    uint64_t number; /* which no other session of this process ever gets */
    struct text device;
    unsigned max; /* sessions that the user may have on all gateways; 0: any number */
};

/* Registers a session, so that the user is online; all of it is copied. Made anew by itself under
 * each incarnation, whatever `max` says then. When Redis refuses to store it, which is logged, it
 * counts as registered all the same: presence is less than chat. */
void broker_register(struct broker *broker, const struct broker_session *session);
/* Nothing when it is not there. */
void broker_unregister(struct broker *broker, struct text user, uint64_t number);
bool broker_is_registered(const struct broker *broker, struct text user, uint64_t number);

/* PUBLISH of a signal to a user's channel: at most once, nothing is stored, nobody is told. */
void broker_publish(struct broker *broker, struct text user, struct text bytes);
