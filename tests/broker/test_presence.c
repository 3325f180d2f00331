/* Who is online: scripts/presence.lua and the looking up of incarnations. */
#include <stdlib.h>
#include <string.h>

#include "broker/internal.h"
#include "broker/presence.h"
#include "world.h"

static struct world world;

static void setup(void)
{
    world_begin(&world);
}

static void teardown(void)
{
    world_clear(&world);
}

/* The result of one presence_read(). */
struct seen {
    unsigned fired;
    enum broker_outcome outcome;
    struct presence_state state;
};

static void on_read(void *arg, enum broker_outcome outcome, const struct presence_state *state)
{
    struct seen *seen = arg;

    seen->fired++;
    seen->outcome = outcome;
    if (state != NULL)
        seen->state = *state;
}

static struct seen read_presence(struct text user)
{
    struct seen seen = {0};

    presence_read(world.broker, user, on_read, &seen);
    ck_assert_uint_eq(seen.fired, 0);
    WORLD_UNTIL(&world, seen.fired > 0);
    return seen;
}

static struct presence_state state_of(struct text user)
{
    struct seen seen = read_presence(user);

    ck_assert_int_eq(seen.outcome, BROKER_ANSWERED);
    return seen.state;
}

/* A session of another gateway, as that would register it. */
static void add_session(struct text key, const char *field, const char *value)
{
    const struct text args[] = {TEXT("HSET"), key, text_of(field), text_of(value)};

    ck_assert_int_eq(world_ask_with(&world, args, 4)->type, REDIS_REPLY_INTEGER);
}

static void set_lease(const char *member, int64_t expiry_ms)
{
    char score[32];

    snprintf(score, sizeof(score), "%lld", (long long)expiry_ms);
    const struct text args[] = {TEXT("ZADD"), TEXT("parley:gateways"), text_of(score),
                                text_of(member)};
    world_ask_with(&world, args, 4);
}

#define FUTURE_MS 4000000000000

/* ---- Tests ---- */

START_TEST(who_has_no_session_is_offline_since_the_last_one_ended)
{
    struct presence_state state = state_of(TEXT("bob"));

    ck_assert(!state.online);
    ck_assert_uint_eq(state.sessions, 0);
    ck_assert_int_eq(state.since_ms, 0);
    ck_assert_int_gt(state.at_ms, 1000000000000);

    world_ask(&world, "SET parley:seen:{bob} 1700000000000");
    ck_assert_int_eq(state_of(TEXT("bob")).since_ms, 1700000000000);
}
END_TEST

START_TEST(sessions_of_live_incarnations_count_and_one_that_came_since_is_looked_up)
{
    set_lease("g2-0a", FUTURE_MS); /* not in the list of the last beat */
    add_session(TEXT("parley:presence:{bob}"), "g2-0a/7", "1700000000002 phone");
    add_session(TEXT("parley:presence:{bob}"), "g2-0a/8", "1700000000001 my laptop");
    struct presence_state state = state_of(TEXT("bob"));
    ck_assert(state.online);
    ck_assert_uint_eq(state.sessions, 2);
    ck_assert_int_eq(state.since_ms, 1700000000001);
}
END_TEST

START_TEST(ids_are_encoded_in_keys)
{
    set_lease("g2-0a", FUTURE_MS);
    add_session(TEXT("parley:presence:{a%3A%7Bb%20}"), "g2-0a/7", "1700000000002 phone");
    ck_assert(state_of(TEXT("a:{b ")).online);
}
END_TEST

START_TEST(sessions_of_an_expired_incarnation_do_not_count_and_stay_for_the_reaper)
{
    set_lease("g2-0a", 1);
    set_lease("dead:g3-0a", FUTURE_MS);
    add_session(TEXT("parley:presence:{bob}"), "g2-0a/7", "1700000000002 phone");
    add_session(TEXT("parley:presence:{bob}"), "g3-0a/7", "1700000000002 phone");
    struct presence_state state = state_of(TEXT("bob"));
    ck_assert(!state.online);
    ck_assert_uint_eq(state.sessions, 0);
    ck_assert_int_eq(world_ask(&world, "HLEN parley:presence:{bob}")->integer, 2);
}
END_TEST

START_TEST(what_an_incarnation_left_that_is_nowhere_is_removed)
{
    add_session(TEXT("parley:presence:{bob}"), "g2-0a/7", "1700000000002 phone");
    add_session(TEXT("parley:presence:{bob}"), "g2-0a/8", "1700000000002 phone");
    ck_assert(!state_of(TEXT("bob")).online);
    WORLD_UNTIL(&world, world_ask(&world, "EXISTS parley:presence:{bob}")->integer == 0);
}
END_TEST

START_TEST(fields_that_are_no_sessions_are_nothing)
{
    static const char *const FIELDS[] = {"", "x", "g2-0a", "g2-0a/", "/7", "g2 0a/7", "g2-0a/7x"};

    set_lease("g2-0a", FUTURE_MS);
    for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++)
        add_session(TEXT("parley:presence:{bob}"), FIELDS[i], "1700000000002 phone");
    ck_assert(!state_of(TEXT("bob")).online);
    add_session(TEXT("parley:presence:{bob}"), "g2-0a/7", "not a time");
    ck_assert_uint_eq(state_of(TEXT("bob")).sessions, 1);
}
END_TEST

START_TEST(a_key_of_another_type_is_refused_and_nothing_else)
{
    world_ask(&world, "SET parley:presence:{bob} text");
    ck_assert_int_eq(read_presence(TEXT("bob")).outcome, BROKER_REFUSED);
    ck_assert(!state_of(TEXT("carol")).online);
}
END_TEST

START_TEST(without_redis_nobody_knows)
{
    redis_kill(&world.server);
    WORLD_UNTIL(&world, world.downs == 1);
    ck_assert_int_eq(read_presence(TEXT("bob")).outcome, BROKER_NOT_SENT);
}
END_TEST

/* ---- Registering ---- */

static const char *own(void)
{
    static char name[80];
    struct text text = broker_incarnation(world.broker);

    snprintf(name, sizeof(name), "%.*s", (int)text.len, text.at);
    return name;
}

static void register_session(const char *user, uint64_t number, unsigned max)
{
    unsigned before = world.registered + world.refused;

    broker_register(world.broker, &(struct broker_session){.user = text_of(user),
                                                           .number = number,
                                                           .device = TEXT("my phone"),
                                                           .max = max});
    WORLD_UNTIL(&world, world.registered + world.refused > before);
}

/* What Redis has under `parley:presence:{bob}` for the field; "" for nothing. */
static const char *value_of(const char *incarnation, unsigned number)
{
    char command[160];
    const redisReply *reply;

    snprintf(command, sizeof(command), "HGET parley:presence:{bob} %s/%u", incarnation, number);
    reply = world_ask(&world, command);
    return reply->type == REDIS_REPLY_STRING ? reply->str : "";
}

static long long size_of(const char *command, const char *incarnation)
{
    char text[160];

    snprintf(text, sizeof(text), "%s parley:gateway:%s:users", command, incarnation);
    return world_ask(&world, text)->integer;
}

START_TEST(a_session_stands_in_redis_until_it_is_unregistered)
{
    register_session("bob", 5, 0);
    ck_assert(broker_is_registered(world.broker, TEXT("bob"), 5));
    ck_assert(!broker_is_registered(world.broker, TEXT("bob"), 6));
    ck_assert(!broker_is_registered(world.broker, TEXT("carol"), 5));
    ck_assert_ptr_nonnull(strstr(value_of(own(), 5), " my phone"));
    ck_assert_int_gt(strtoll(value_of(own(), 5), NULL, 10), 1000000000000);
    ck_assert_int_eq(size_of("SCARD", own()), 1);
    ck_assert_uint_eq(state_of(TEXT("bob")).sessions, 1);

    register_session("bob", 6, 0);
    broker_unregister(world.broker, TEXT("bob"), 5);
    WORLD_UNTIL(&world, world_ask(&world, "HLEN parley:presence:{bob}")->integer == 1);
    ck_assert(!broker_is_registered(world.broker, TEXT("bob"), 5));
    ck_assert_int_eq(size_of("SCARD", own()), 1); /* the user is still here */
    broker_unregister(world.broker, TEXT("bob"), 6);
    broker_unregister(world.broker, TEXT("bob"), 7);
    WORLD_UNTIL(&world, size_of("EXISTS", own()) == 0);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:presence:{bob}")->integer, 0);
    ck_assert_int_gt(state_of(TEXT("bob")).since_ms, 1000000000000);
    int64_t ttl_ms = world_ask(&world, "PTTL parley:seen:{bob}")->integer;
    ck_assert_int_gt(ttl_ms, 0);
    ck_assert_int_le(ttl_ms, WORLD_SEEN_TTL_MS);
}
END_TEST

static redisContext *watch(const char *channel)
{
    redisContext *watcher = redis_client(&world.server);

    freeReplyObject(redisCommandArgv(watcher, 2, (const char *[]){"SUBSCRIBE", channel}, NULL));
    return watcher;
}

START_TEST(the_first_and_the_last_session_are_published)
{
    const char *expected[] = {"\"online\":true,\"sessions\":1,\"since\":",
                              "\"online\":false,\"sessions\":0,\"since\":"};

    redisContext *watcher = watch("parley:presence-events:{b\"b}");
    register_session("b\"b", 5, 0);
    register_session("b\"b", 6, 0);
    broker_unregister(world.broker, TEXT("b\"b"), 5);
    broker_unregister(world.broker, TEXT("b\"b"), 6);
    WORLD_UNTIL(&world, world_ask(&world, "EXISTS parley:seen:{b\"b}")->integer == 1);
    for (size_t i = 0; i < 2; i++) {
        redisReply *message = NULL;
        ck_assert_int_eq(redisGetReply(watcher, (void **)&message), REDIS_OK);
        const char *frame = message->element[2]->str;
        ck_assert_ptr_nonnull(strstr(frame, "{\"type\":\"presence\",\"users\":[{\"online\":"));
        ck_assert_msg(strstr(frame, expected[i]) != NULL, "%s", frame);
        ck_assert_ptr_nonnull(strstr(frame, ",\"user\":\"b\\\"b\"}]}"));
        freeReplyObject(message);
    }
    redisFree(watcher);
}
END_TEST

START_TEST(the_limit_counts_live_sessions_everywhere)
{
    set_lease("g2-0a", FUTURE_MS);
    set_lease("g3-0a", 1);
    add_session(TEXT("parley:presence:{bob}"), "g2-0a/1", "1700000000000 x");
    add_session(TEXT("parley:presence:{bob}"), "g3-0a/1", "1700000000000 x");
    register_session("bob", 5, 2);
    ck_assert_uint_eq(world.refused, 0);
    register_session("bob", 6, 2);
    ck_assert_uint_eq(world.refused, 1);
    ck_assert_str_eq(value_of(own(), 6), "");
    broker_unregister(world.broker, TEXT("bob"), 6);
    ck_assert_uint_eq(state_of(TEXT("bob")).sessions, 2);
    register_session("bob", 7, 0);
    ck_assert_uint_eq(world.refused, 1);
}
END_TEST

START_TEST(a_key_of_another_type_is_no_reason_to_keep_a_session_waiting)
{
    world_ask(&world, "SET parley:presence:{bob} text");
    register_session("bob", 5, 16);
    ck_assert_uint_eq(world.refused, 0);
    ck_assert(broker_is_registered(world.broker, TEXT("bob"), 5));
    broker_unregister(world.broker, TEXT("bob"), 5);
    ck_assert(!broker_is_registered(world.broker, TEXT("bob"), 5));
}
END_TEST

START_TEST(a_full_redis_lets_sessions_come_and_go)
{
    world_ask(&world, "CONFIG SET maxmemory 1");
    register_session("bob", 5, 16);
    ck_assert_str_ne(value_of(own(), 5), "");
    ck_assert_int_eq(size_of("SCARD", own()), 1);
    broker_unregister(world.broker, TEXT("bob"), 5);
    WORLD_UNTIL(&world, world_ask(&world, "EXISTS parley:presence:{bob}")->integer == 0);
}
END_TEST

/* Nobody who watches may see a session move. */
START_TEST(a_lost_connection_moves_the_sessions_to_a_new_incarnation)
{
    char before[80];
    char since[64];

    register_session("bob", 5, 16);
    register_session("carol", 6, 16);
    snprintf(before, sizeof(before), "%s", own());
    snprintf(since, sizeof(since), "%s", value_of(before, 5));
    redisContext *watcher = watch("parley:presence-events:{bob}");
    world_ask(&world, "CLIENT KILL TYPE normal SKIPME yes");
    WORLD_UNTIL(&world, world.downs == 1);
    broker_unregister(world.broker, TEXT("carol"), 6); /* which the former name still shows */
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_str_ne(own(), before);
    ck_assert_str_eq(value_of(own(), 5), since);
    ck_assert_int_eq(world_ask(&world, "HLEN parley:presence:{bob}")->integer, 1);

    WORLD_UNTIL(&world, world_ask(&world, "ZCARD parley:gateways")->integer == 1);
    ck_assert_int_eq(size_of("EXISTS", before), 0);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:presence:{carol}")->integer, 0);
    ck_assert(!state_of(TEXT("carol")).online);
    ck_assert_int_eq(size_of("SCARD", own()), 1);

    world_ask(&world, "PUBLISH parley:presence-events:{bob} nothing-before-this");
    redisReply *message = NULL;
    ck_assert_int_eq(redisGetReply(watcher, (void **)&message), REDIS_OK);
    ck_assert_str_eq(message->element[2]->str, "nothing-before-this");
    freeReplyObject(message);
    redisFree(watcher);
}
END_TEST

START_TEST(many_sessions_are_registered_anew_before_it_is_up)
{
    for (unsigned i = 1; i <= 2000; i++) {
        char user[16];
        snprintf(user, sizeof(user), "user-%u", i);
        broker_register(world.broker, &(struct broker_session){.user = text_of(user), .number = i});
    }
    WORLD_UNTIL(&world, world.registered == 2000);
    world_ask(&world, "FLUSHALL");
    WORLD_UNTIL(&world, world.downs == 1);
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_int_eq(size_of("SCARD", own()), 2000);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:presence:{user-1}")->integer, 1);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:presence:{user-2000}")->integer, 1);
}
END_TEST

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

START_TEST(stopping_unregisters_who_is_left)
{
    bool stopped = false;

    register_session("bob", 5, 0);
    register_session("carol", 6, 0);
    broker_stop(world.broker, on_stopped, &stopped);
    WORLD_UNTIL(&world, stopped);
    const redisReply *keys = world_ask(&world, "KEYS parley:*");
    for (size_t i = 0; i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        ck_assert_msg(strstr(key, "seen") != NULL || strstr(key, "schema") != NULL, "%s", key);
    }
}
END_TEST

/* ---- Reaping ---- */

static void add_dead_gateway(const char *member)
{
    set_lease(member, 1);
    add_session(TEXT("parley:presence:{bob}"), "g2-0a/7", "1700000000002 phone");
    add_session(TEXT("parley:presence:{bob}"), "g2-0a/8", "1700000000002 phone");
    world_ask(&world, "SADD parley:gateway:g2-0a:users bob nobody %zz");
}

START_TEST(an_expired_gateway_is_cleaned_up_after)
{
    redisReply *message = NULL;
    int64_t begun_us = loop_clock_us();

    redisContext *watcher = watch("parley:presence-events:{bob}");
    add_dead_gateway(_i == 0 ? "g2-0a" : "dead:g2-0a"); /* or its cleaner died too */
    WORLD_UNTIL(&world, world_ask(&world, "ZCARD parley:gateways")->integer == 1);
    /* Who has just come cannot tell the dead from those who come a little later. */
    ck_assert_int_ge(loop_clock_us() - begun_us, (LEASE_MS - 2000) * 1000);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:presence:{bob}")->integer, 0);
    ck_assert_int_eq(size_of("EXISTS", "g2-0a"), 0);
    ck_assert_int_gt(state_of(TEXT("bob")).since_ms, 0);
    ck_assert_int_eq(redisGetReply(watcher, (void **)&message), REDIS_OK);
    ck_assert_ptr_nonnull(strstr(message->element[2]->str, "\"online\":false"));
    freeReplyObject(message);
    redisFree(watcher);
}
END_TEST

START_TEST(a_claim_that_holds_is_left_to_its_cleaner)
{
    add_dead_gateway("x");
    world_ask(&world, "ZREM parley:gateways x");
    set_lease("dead:g2-0a", FUTURE_MS);
    set_lease("g3-0a", 1); /* cleaned up after, so the other one was passed over */
    WORLD_UNTIL(&world, world_ask(&world, "ZCARD parley:gateways")->integer == 2);
    ck_assert_int_eq(world_ask(&world, "HLEN parley:presence:{bob}")->integer, 2);
}
END_TEST

Suite *presence_suite(void)
{
    Suite *suite = suite_create("broker: presence");
    TCase *look = tcase_create("look");

    tcase_add_checked_fixture(look, setup, teardown);
    tcase_set_timeout(look, 60);
    tcase_add_test(look, who_has_no_session_is_offline_since_the_last_one_ended);
    tcase_add_test(look, sessions_of_live_incarnations_count_and_one_that_came_since_is_looked_up);
    tcase_add_test(look, ids_are_encoded_in_keys);
    tcase_add_test(look, sessions_of_an_expired_incarnation_do_not_count_and_stay_for_the_reaper);
    tcase_add_test(look, what_an_incarnation_left_that_is_nowhere_is_removed);
    tcase_add_test(look, fields_that_are_no_sessions_are_nothing);
    tcase_add_test(look, a_key_of_another_type_is_refused_and_nothing_else);
    tcase_add_test(look, without_redis_nobody_knows);
    suite_add_tcase(suite, look);

    TCase *registering = tcase_create("register");
    tcase_add_checked_fixture(registering, setup, teardown);
    tcase_set_timeout(registering, 60);
    tcase_add_test(registering, a_session_stands_in_redis_until_it_is_unregistered);
    tcase_add_test(registering, the_first_and_the_last_session_are_published);
    tcase_add_test(registering, the_limit_counts_live_sessions_everywhere);
    tcase_add_test(registering, a_key_of_another_type_is_no_reason_to_keep_a_session_waiting);
    tcase_add_test(registering, a_full_redis_lets_sessions_come_and_go);
    tcase_add_test(registering, a_lost_connection_moves_the_sessions_to_a_new_incarnation);
    tcase_add_test(registering, many_sessions_are_registered_anew_before_it_is_up);
    tcase_add_test(registering, stopping_unregisters_who_is_left);
    suite_add_tcase(suite, registering);

    TCase *reaping = tcase_create("reap");
    tcase_add_checked_fixture(reaping, setup, teardown);
    tcase_set_timeout(reaping, 60);
    tcase_add_loop_test(reaping, an_expired_gateway_is_cleaned_up_after, 0, 2);
    tcase_add_test(reaping, a_claim_that_holds_is_left_to_its_cleaner);
    suite_add_tcase(suite, reaping);
    return suite;
}
