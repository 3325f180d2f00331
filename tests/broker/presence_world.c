#include "presence_world.h"

#include <stdio.h>
#include <string.h>

static void on_read(void *arg, enum broker_outcome outcome, const struct presence_state *state)
{
    struct presence_seen *seen = arg;

    seen->fired++;
    seen->outcome = outcome;
    if (state != NULL)
        seen->state = *state;
}

struct presence_seen presence_ask(struct world *world, struct text user)
{
    struct presence_seen seen = {0};

    presence_read(world->broker, user, on_read, &seen);
    ck_assert_uint_eq(seen.fired, 0);
    WORLD_UNTIL(world, seen.fired > 0);
    return seen;
}

struct presence_state presence_state_of(struct world *world, struct text user)
{
    struct presence_seen seen = presence_ask(world, user);

    ck_assert_int_eq(seen.outcome, BROKER_ANSWERED);
    return seen.state;
}

void presence_add_session(struct world *world, struct text key, const char *field,
                          const char *value)
{
    const struct text args[] = {TEXT("HSET"), key, text_of(field), text_of(value)};

    ck_assert_int_eq(world_ask_with(world, args, 4)->type, REDIS_REPLY_INTEGER);
}

void presence_set_lease(struct world *world, const char *member, int64_t expiry_ms)
{
    char score[32];

    snprintf(score, sizeof(score), "%lld", (long long)expiry_ms);
    const struct text args[] = {TEXT("ZADD"), TEXT("parley:gateways"), text_of(score),
                                text_of(member)};
    world_ask_with(world, args, 4);
}

redisContext *presence_watch(struct world *world, const char *channel)
{
    redisContext *watcher = redis_client(&world->server);

    freeReplyObject(redisCommandArgv(watcher, 2, (const char *[]){"SUBSCRIBE", channel}, NULL));
    return watcher;
}

const char *presence_incarnation(struct world *world)
{
    static char name[80];
    struct text text = broker_incarnation(world->broker);

    snprintf(name, sizeof(name), "%.*s", (int)text.len, text.at);
    return name;
}

void presence_register(struct world *world, const char *user, uint64_t number, unsigned max)
{
    unsigned before = world->registered + world->refused;

    broker_register(world->broker, &(struct broker_session){.user = text_of(user),
                                                            .number = number,
                                                            .device = TEXT("my phone"),
                                                            .max = max});
    WORLD_UNTIL(world, world->registered + world->refused > before);
}

const char *presence_value_of(struct world *world, const char *incarnation, unsigned number)
{
    char command[160];
    const redisReply *reply;

    snprintf(command, sizeof(command), "HGET parley:presence:{bob} %s/%u", incarnation, number);
    reply = world_ask(world, command);
    return reply->type == REDIS_REPLY_STRING ? reply->str : "";
}

long long presence_users(struct world *world, const char *command, const char *incarnation)
{
    char text[160];

    snprintf(text, sizeof(text), "%s parley:gateway:%s:users", command, incarnation);
    return world_ask(world, text)->integer;
}
