/* This gateway's sessions in Redis, and cleaning up after others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/lease.h"
#include "presence_world.h"

static struct world world;

static void setup(void)
{
    world_begin(&world);
}

static void teardown(void)
{
    world_clear(&world);
}

/* ---- Registering ---- */

START_TEST(a_session_stands_in_redis_until_it_is_unregistered)
{
    presence_register(&world, "bob", 5, 0);
    ck_assert(broker_is_registered(world.broker, TEXT("bob"), 5));
    ck_assert(!broker_is_registered(world.broker, TEXT("bob"), 6));
    ck_assert(!broker_is_registered(world.broker, TEXT("carol"), 5));
    ck_assert_ptr_nonnull(
        strstr(presence_value_of(&world, presence_incarnation(&world), 5), " my phone"));
    ck_assert_int_gt(strtoll(presence_value_of(&world, presence_incarnation(&world), 5), NULL, 10),
                     1000000000000);
    ck_assert_int_eq(presence_users(&world, "SCARD", presence_incarnation(&world)), 1);
    ck_assert_uint_eq(presence_state_of(&world, TEXT("bob")).sessions, 1);

    presence_register(&world, "bob", 6, 0);
    broker_unregister(world.broker, TEXT("bob"), 5);
    WORLD_UNTIL(&world, world_ask(&world, "HLEN parley:presence:{bob}")->integer == 1);
    ck_assert(!broker_is_registered(world.broker, TEXT("bob"), 5));
    ck_assert_int_eq(presence_users(&world, "SCARD", presence_incarnation(&world)),
                     1); /* the user is still here */
    broker_unregister(world.broker, TEXT("bob"), 6);
    broker_unregister(world.broker, TEXT("bob"), 7);
    WORLD_UNTIL(&world, presence_users(&world, "EXISTS", presence_incarnation(&world)) == 0);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:presence:{bob}")->integer, 0);
    ck_assert_int_gt(presence_state_of(&world, TEXT("bob")).since_ms, 1000000000000);
    int64_t ttl_ms = world_ask(&world, "PTTL parley:seen:{bob}")->integer;
    ck_assert_int_gt(ttl_ms, 0);
    ck_assert_int_le(ttl_ms, WORLD_SEEN_TTL_MS);
}
END_TEST

START_TEST(the_first_and_the_last_session_are_published)
{
    const char *expected[] = {"\"online\":true,\"sessions\":1,\"since\":",
                              "\"online\":false,\"sessions\":0,\"since\":"};

    redisContext *watcher = presence_watch(&world, "parley:presence-events:{b\"b}");
    presence_register(&world, "b\"b", 5, 0);
    presence_register(&world, "b\"b", 6, 0);
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
    presence_set_lease(&world, "g2-0a", FUTURE_MS);
    presence_set_lease(&world, "g3-0a", 1);
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g2-0a/1", "1700000000000 x");
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g3-0a/1", "1700000000000 x");
    presence_register(&world, "bob", 5, 2);
    ck_assert_uint_eq(world.refused, 0);
    presence_register(&world, "bob", 6, 2);
    ck_assert_uint_eq(world.refused, 1);
    ck_assert_str_eq(presence_value_of(&world, presence_incarnation(&world), 6), "");
    broker_unregister(world.broker, TEXT("bob"), 6);
    ck_assert_uint_eq(presence_state_of(&world, TEXT("bob")).sessions, 2);
    presence_register(&world, "bob", 7, 0);
    ck_assert_uint_eq(world.refused, 1);
}
END_TEST

START_TEST(a_key_of_another_type_is_no_reason_to_keep_a_session_waiting)
{
    world_ask(&world, "SET parley:presence:{bob} text");
    presence_register(&world, "bob", 5, 16);
    ck_assert_uint_eq(world.refused, 0);
    ck_assert(broker_is_registered(world.broker, TEXT("bob"), 5));
    broker_unregister(world.broker, TEXT("bob"), 5);
    ck_assert(!broker_is_registered(world.broker, TEXT("bob"), 5));
}
END_TEST

START_TEST(a_full_redis_lets_sessions_come_and_go)
{
    world_ask(&world, "CONFIG SET maxmemory 1");
    presence_register(&world, "bob", 5, 16);
    ck_assert_str_ne(presence_value_of(&world, presence_incarnation(&world), 5), "");
    ck_assert_int_eq(presence_users(&world, "SCARD", presence_incarnation(&world)), 1);
    broker_unregister(world.broker, TEXT("bob"), 5);
    WORLD_UNTIL(&world, world_ask(&world, "EXISTS parley:presence:{bob}")->integer == 0);
}
END_TEST

/* Nobody who watches may see a session move. */
START_TEST(a_lost_connection_moves_the_sessions_to_a_new_incarnation)
{
    char before[80];
    char since[64];

    presence_register(&world, "bob", 5, 16);
    presence_register(&world, "carol", 6, 16);
    snprintf(before, sizeof(before), "%s", presence_incarnation(&world));
    snprintf(since, sizeof(since), "%s", presence_value_of(&world, before, 5));
    redisContext *watcher = presence_watch(&world, "parley:presence-events:{bob}");
    world_ask(&world, "CLIENT KILL TYPE normal SKIPME yes");
    WORLD_UNTIL(&world, world.downs == 1);
    broker_unregister(world.broker, TEXT("carol"), 6); /* which the former name still shows */
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_str_ne(presence_incarnation(&world), before);
    ck_assert_str_eq(presence_value_of(&world, presence_incarnation(&world), 5), since);
    ck_assert_int_eq(world_ask(&world, "HLEN parley:presence:{bob}")->integer, 1);

    WORLD_UNTIL(&world, world_ask(&world, "ZCARD parley:gateways")->integer == 1);
    ck_assert_int_eq(presence_users(&world, "EXISTS", before), 0);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:presence:{carol}")->integer, 0);
    ck_assert(!presence_state_of(&world, TEXT("carol")).online);
    ck_assert_int_eq(presence_users(&world, "SCARD", presence_incarnation(&world)), 1);

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
        broker_register(
            world.broker,
            &(struct broker_session){.user = text_of(user), .number = i, .device = TEXT("phone")});
    }
    WORLD_UNTIL(&world, world.registered == 2000);
    world_ask(&world, "FLUSHALL");
    WORLD_UNTIL(&world, world.downs == 1);
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_int_eq(presence_users(&world, "SCARD", presence_incarnation(&world)), 2000);
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

    presence_register(&world, "bob", 5, 0);
    presence_register(&world, "carol", 6, 0);
    broker_stop(world.broker, on_stopped, &stopped);
    WORLD_UNTIL(&world, stopped);
    const redisReply *keys = world_ask(&world, "KEYS parley:*");
    for (size_t i = 0; i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        ck_assert_msg(strstr(key, "seen") != NULL || strstr(key, "schema") != NULL, "%s", key);
    }
}
END_TEST

START_TEST(what_redis_refuses_for_a_while_is_asked_again)
{
    presence_register(&world, "bob", 5, 0);
    world_ask(&world, "CONFIG SET min-replicas-to-write 1");
    broker_unregister(world.broker, TEXT("bob"), 5);
    broker_register(world.broker, &(struct broker_session){
                                      .user = TEXT("carol"), .number = 6, .device = TEXT("phone")});
    WORLD_UNTIL(&world, world.downs == 1); /* it would let nobody in: it is not ready */
    ck_assert_uint_eq(world.registered, 1);
    world_ask(&world, "CONFIG SET min-replicas-to-write 0");
    WORLD_UNTIL(&world, world.registered == 2);
    WORLD_UNTIL(&world, world.ups == 2);
    WORLD_UNTIL(&world, !presence_state_of(&world, TEXT("bob")).online);
    ck_assert(presence_state_of(&world, TEXT("carol")).online);
    ck_assert_int_eq(presence_users(&world, "SCARD", presence_incarnation(&world)), 1);
}
END_TEST

START_TEST(who_is_registered_late_is_on_the_list)
{
    redis_pause(&world.server);
    for (unsigned i = 0; i < WORLD_MAX_PENDING; i++)
        broker_publish(world.broker, TEXT("carol"), TEXT("{}"));
    broker_register(world.broker, &(struct broker_session){
                                      .user = TEXT("bob"), .number = 5, .device = TEXT("phone")});
    for (int i = 0; i < 20; i++)
        world_turn(&world);
    redis_resume(&world.server);
    WORLD_UNTIL(&world, world.registered == 1);
    ck_assert_int_eq(presence_users(&world, "SCARD", presence_incarnation(&world)), 1);
}
END_TEST

START_TEST(who_was_refused_is_not_on_the_list)
{
    presence_set_lease(&world, "g2-0a", FUTURE_MS);
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g2-0a/1", "1700000000000 x");
    presence_register(&world, "bob", 5, 1);
    ck_assert_uint_eq(world.refused, 1);
    broker_unregister(world.broker, TEXT("bob"), 5);
    WORLD_UNTIL(&world, presence_users(&world, "EXISTS", presence_incarnation(&world)) == 0);
}
END_TEST

/* Of the former name too, which is still being moved. */
START_TEST(stopping_right_after_an_outage_leaves_nothing)
{
    bool stopped = false;

    for (unsigned i = 1; i <= 400; i++) {
        char user[16];
        snprintf(user, sizeof(user), "user-%u", i);
        broker_register(
            world.broker,
            &(struct broker_session){.user = text_of(user), .number = i, .device = TEXT("phone")});
    }
    WORLD_UNTIL(&world, world.registered == 400);
    world_ask(&world, "CLIENT KILL TYPE normal SKIPME yes");
    WORLD_UNTIL(&world, world.downs == 1);
    WORLD_UNTIL(&world, world.registered > (_i == 0 ? 400 : 799)); /* some have moved, or all */
    broker_stop(world.broker, on_stopped, &stopped);
    WORLD_UNTIL(&world, stopped);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:gateways")->integer, 0);
    ck_assert_uint_eq(world_ask(&world, "KEYS parley:gateway:*")->elements, 0);
    ck_assert_uint_eq(world_ask(&world, "KEYS parley:presence:*")->elements, 0);
}
END_TEST

/* ---- Reaping ---- */

static void add_dead_gateway(const char *member)
{
    presence_set_lease(&world, member, 1);
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g2-0a/7", "1700000000002 phone");
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g2-0a/8", "1700000000002 phone");
    world_ask(&world, "SADD parley:gateway:g2-0a:users bob nobody %zz");
}

START_TEST(an_expired_gateway_is_cleaned_up_after)
{
    redisReply *message = NULL;
    int64_t begun_us = loop_clock_us();

    redisContext *watcher = presence_watch(&world, "parley:presence-events:{bob}");
    add_dead_gateway(_i == 0 ? "g2-0a" : "dead:g2-0a"); /* or its cleaner died too */
    WORLD_UNTIL(&world, world_ask(&world, "ZCARD parley:gateways")->integer == 1);
    /* Who has just come cannot tell the dead from those who come a little later. */
    ck_assert_int_ge(loop_clock_us() - begun_us, (LEASE_MS - 2000) * 1000);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:presence:{bob}")->integer, 0);
    ck_assert_int_eq(presence_users(&world, "EXISTS", "g2-0a"), 0);
    ck_assert_int_gt(presence_state_of(&world, TEXT("bob")).since_ms, 0);
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
    presence_set_lease(&world, "dead:g2-0a", FUTURE_MS);
    presence_set_lease(&world, "g3-0a", 1); /* cleaned up after, so the other one was passed over */
    WORLD_UNTIL(&world, world_ask(&world, "ZCARD parley:gateways")->integer == 2);
    ck_assert_int_eq(world_ask(&world, "HLEN parley:presence:{bob}")->integer, 2);
}
END_TEST

START_TEST(one_that_cannot_be_cleaned_does_not_hold_up_the_others)
{
    world_ask(&world, "SET parley:gateway:g1-0a:users text");
    presence_set_lease(&world, "g1-0a", 1);
    add_dead_gateway("g2-0a");
    WORLD_UNTIL(&world, world_ask(&world, "EXISTS parley:presence:{bob}")->integer == 0);
    WORLD_UNTIL(&world, world_ask(&world, "ZCARD parley:gateways")->integer == 2);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:gateway:g1-0a:users")->integer, 1);
}
END_TEST

/* Some may have seen the user offline, between the expiry and now. */
START_TEST(who_is_still_online_when_a_gateway_is_cleaned_up_after_is_said_to_be)
{
    redisContext *watcher = presence_watch(&world, "parley:presence-events:{bob}");
    redisReply *message = NULL;

    presence_set_lease(&world, "g3-0a", FUTURE_MS);
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g3-0a/1", "1700000000001 tablet");
    add_dead_gateway("g2-0a");
    WORLD_UNTIL(&world, world_ask(&world, "HLEN parley:presence:{bob}")->integer == 1);
    ck_assert_int_eq(redisGetReply(watcher, (void **)&message), REDIS_OK);
    ck_assert_ptr_nonnull(strstr(message->element[2]->str, "\"online\":true,\"sessions\":1"));
    freeReplyObject(message);
    redisFree(watcher);
}
END_TEST

Suite *roster_suite(void)
{
    Suite *suite = suite_create("roster");

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
    tcase_add_test(registering, what_redis_refuses_for_a_while_is_asked_again);
    tcase_add_test(registering, who_is_registered_late_is_on_the_list);
    tcase_add_test(registering, who_was_refused_is_not_on_the_list);
    tcase_add_loop_test(registering, stopping_right_after_an_outage_leaves_nothing, 0, 2);
    suite_add_tcase(suite, registering);

    TCase *reaping = tcase_create("reap");
    tcase_add_checked_fixture(reaping, setup, teardown);
    tcase_set_timeout(reaping, 60);
    tcase_add_loop_test(reaping, an_expired_gateway_is_cleaned_up_after, 0, 2);
    tcase_add_test(reaping, a_claim_that_holds_is_left_to_its_cleaner);
    tcase_add_test(reaping, one_that_cannot_be_cleaned_does_not_hold_up_the_others);
    tcase_add_test(reaping, who_is_still_online_when_a_gateway_is_cleaned_up_after_is_said_to_be);
    suite_add_tcase(suite, reaping);
    return suite;
}
