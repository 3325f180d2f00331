/* What every test here needs: a Redis, a loop, a broker on it, a client beside it, and a record of
 * what the broker said. */
#pragma once

#include <check.h>

#include "broker/broker.h"
#include "broker/mailbox.h"
#include "redis_server.h"

#define WORLD_TIMEOUT_MS 1000 /* of a command; less would be too little on a busy machine */
#define WORLD_SEEN_TTL_MS 60000
#define WORLD_MAX_PENDING 1000
#define WORLD_CONGESTION 600
#define WORLD_CONGESTION_BYTES (600 * 1024)
#define WORLD_MAX_BYTES (1000 * 1024)
#define WORLD_DEADLINE_MS 15000 /* for anything that is waited for */

struct world {
    struct redis_server server;
    struct redis_address address;
    struct keys *keys;
    struct loop *loop;
    struct broker *broker; /* NULL when a test freed it */
    struct timer *pause;
    redisContext *client; /* to the same server; NULL until world_ask() needs it */

    unsigned ups;
    unsigned downs;
    unsigned subscribed;
    unsigned registered;
    unsigned refused;
    unsigned published;
    unsigned relieved;
    enum broker_channel last_channel;
    struct builder last_user; /* of subscribed() or published() */
    struct builder last_bytes;
};

/* The result of one mailbox_accept(). */
struct accepted {
    unsigned fired;
    struct mailbox_accepted result;
};

/* Without a Redis: the socket of the address is not there. */
void world_init(struct world *world);
void world_start_redis(struct world *world, const char *const *options);
void world_start_broker(struct world *world); /* on world->address */
void world_clear(struct world *world);

/* All three with the unix socket, and the broker is up when it returns. */
void world_begin(struct world *world);

/* The channel of the broker's incarnation as it is now; valid until the next call. */
const char *world_own_channel(const struct world *world);

void world_turn(struct world *world); /* runs the loop for a moment */
#define WORLD_UNTIL(world, condition)                                                              \
    do {                                                                                           \
        int64_t deadline_us_ = loop_clock_us() + WORLD_DEADLINE_MS * 1000;                         \
        while (!(condition)) {                                                                     \
            ck_assert_msg(loop_clock_us() < deadline_us_, "in vain: %s", #condition);              \
            world_turn(world);                                                                     \
        }                                                                                          \
    } while (0)

void world_accept(struct world *world, struct text receiver, struct text body,
                  struct accepted *accepted);
/* Accepts and waits for the answer, which must be BROKER_ANSWERED. */
void world_accept_now(struct world *world, struct text receiver, struct text body,
                      struct accepted *accepted);

/* What Redis answers to a command, arguments separated by blanks; valid until the next. */
redisReply *world_ask(struct world *world, const char *command);
redisReply *world_ask_with(struct world *world, const struct text *args, size_t count);
/* How often Redis ran a command since it started. */
long world_calls(struct world *world, const char *command);

Suite *accept_suite(void);
Suite *beats_suite(void);
Suite *channels_suite(void);
Suite *commands_suite(void);
Suite *cursor_script_suite(void);
Suite *cursors_suite(void);
Suite *epoch_suite(void);
Suite *outages_suite(void);
Suite *pages_suite(void);
Suite *gaps_suite(void);
Suite *presence_suite(void);
Suite *roster_suite(void);
