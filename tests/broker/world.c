#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_MS 2

static redisReply *last_reply;

static void on_up(void *arg)
{
    struct world *world = arg;
    ck_assert(broker_is_up(world->broker));
    world->ups++;
}

static void on_down(void *arg)
{
    struct world *world = arg;
    ck_assert(!broker_is_up(world->broker));
    world->downs++;
}

static void on_subscribed(void *arg, enum broker_channel channel, struct text user)
{
    struct world *world = arg;
    ck_assert(broker_is_subscribed(world->broker, channel, user));
    world->subscribed++;
    world->last_channel = channel;
    builder_reset(&world->last_user);
    builder_append(&world->last_user, user);
}

static void on_registered(void *arg, struct text user, uint64_t number, bool admitted)
{
    struct world *world = arg;

    ck_assert(broker_is_registered(world->broker, user, number) == admitted);
    if (admitted)
        world->registered++;
    else
        world->refused++;
}

static void on_published(void *arg, enum broker_channel channel, struct text user,
                         struct text bytes)
{
    struct world *world = arg;
    world->published++;
    world->last_channel = channel;
    builder_reset(&world->last_user);
    builder_append(&world->last_user, user);
    builder_reset(&world->last_bytes);
    builder_append(&world->last_bytes, bytes);
}

static void on_relieved(void *arg)
{
    struct world *world = arg;
    ck_assert(!broker_is_congested(world->broker));
    world->relieved++;
}

static const struct broker_events EVENTS = {
    .up = on_up,
    .down = on_down,
    .subscribed = on_subscribed,
    .registered = on_registered,
    .published = on_published,
    .relieved = on_relieved,
};

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

void world_init(struct world *world)
{
    *world = (struct world){0};
    world->loop = loop_new();
    ck_assert_ptr_nonnull(world->loop);
    world->pause = timer_new(world->loop, stop_loop, world->loop);
    world->keys = keys_new("parley");
    builder_init(&world->last_user, SIZE_MAX);
    builder_init(&world->last_bytes, SIZE_MAX);
    ck_assert(redis_address_parse(&world->address, "unix:/nonexistent/socket"));
}

void world_start_redis(struct world *world, const char *const *options)
{
    redis_start(&world->server, options);
    redis_address_clear(&world->address);
    char address[128];
    snprintf(address, sizeof(address), "unix:%s", world->server.socket_path);
    ck_assert(redis_address_parse(&world->address, address));
}

void world_start_broker(struct world *world)
{
    const struct broker_settings settings = {
        .address = &world->address,
        .keys = world->keys,
        .schema = SCHEMA_DURABLE,
        .id = TEXT("gateway-1"),
        .tell_presence = true,
        .seen_ttl_ms = WORLD_SEEN_TTL_MS,
        .command_timeout_ms = WORLD_TIMEOUT_MS,
        .bounds = {WORLD_MAX_PENDING, WORLD_MAX_BYTES, WORLD_CONGESTION, WORLD_CONGESTION_BYTES},
        .events = &EVENTS,
        .arg = world,
    };
    world->broker = broker_new(world->loop, &settings);
    broker_start(world->broker);
}

void world_begin(struct world *world)
{
    world_init(world);
    world_start_redis(world, NULL);
    world_start_broker(world);
    WORLD_UNTIL(world, world->ups == 1);
}

void world_clear(struct world *world)
{
    broker_free(world->broker);
    if (last_reply != NULL)
        freeReplyObject(last_reply);
    last_reply = NULL;
    if (world->client != NULL)
        redisFree(world->client);
    redis_kill(&world->server);
    timer_free(world->pause);
    loop_free(world->loop);
    keys_free(world->keys);
    redis_address_clear(&world->address);
    builder_clear(&world->last_user);
    builder_clear(&world->last_bytes);
}

const char *world_own_channel(const struct world *world)
{
    static char channel[128];
    struct text incarnation = broker_incarnation(world->broker);

    snprintf(channel, sizeof(channel), "parley:gateway:%.*s", (int)incarnation.len, incarnation.at);
    return channel;
}

void world_turn(struct world *world)
{
    timer_start(world->pause, TURN_MS);
    loop_run(world->loop);
}

static void on_accepted(void *arg, const struct mailbox_accepted *result)
{
    struct accepted *accepted = arg;
    accepted->fired++;
    accepted->result = *result;
}

void world_accept(struct world *world, struct text receiver, struct text body,
                  struct accepted *accepted)
{
    const struct mailbox_message message = {
        .receiver = receiver,
        .sender = TEXT("alice"),
        .body = body,
        .gateway = TEXT("gateway-1"),
        .session = TEXT("7"),
    };
    *accepted = (struct accepted){0};
    mailbox_accept(world->broker, &message, &(struct mailbox_bounds){1000, 60000, 60000},
                   on_accepted, accepted);
    ck_assert_uint_eq(accepted->fired, 0); /* never inside the call */
}

void world_accept_now(struct world *world, struct text receiver, struct text body,
                      struct accepted *accepted)
{
    world_accept(world, receiver, body, accepted);
    WORLD_UNTIL(world, accepted->fired > 0);
    ck_assert_int_eq(accepted->result.outcome, BROKER_ANSWERED);
}

redisReply *world_ask_with(struct world *world, const struct text *args, size_t count)
{
    const char *at[8];
    size_t lens[8];

    if (last_reply != NULL)
        freeReplyObject(last_reply);
    if (world->client == NULL)
        world->client = redis_client(&world->server);
    ck_assert_uint_le(count, 8);
    for (size_t i = 0; i < count; i++) {
        at[i] = args[i].at;
        lens[i] = args[i].len;
    }
    last_reply = redisCommandArgv(world->client, (int)count, at, lens);
    ck_assert_ptr_nonnull(last_reply);
    ck_assert_msg(last_reply->type != REDIS_REPLY_ERROR, "%s", last_reply->str);
    return last_reply;
}

redisReply *world_ask(struct world *world, const char *command)
{
    struct text rest = text_of(command);
    struct text args[8];
    size_t count = 0;

    while (rest.len > 0 && count < 8)
        args[count++] = text_split(&rest, ' ');
    return world_ask_with(world, args, count);
}

long world_calls(struct world *world, const char *command)
{
    char name[64];
    const redisReply *info = world_ask(world, "INFO commandstats");

    snprintf(name, sizeof(name), "cmdstat_%s:calls=", command);
    const char *at = strstr(info->str, name);
    return at == NULL ? 0 : strtol(at + strlen(name), NULL, 10);
}
