/* Who is online: scripts/presence.lua and the looking up of incarnations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

START_TEST(who_has_no_session_is_offline_since_the_last_one_ended)
{
    struct presence_state state = presence_state_of(&world, TEXT("bob"));

    ck_assert(!state.online);
    ck_assert_uint_eq(state.sessions, 0);
    ck_assert_int_eq(state.since_ms, 0);
    ck_assert_int_gt(state.at_ms, 1000000000000);

    world_ask(&world, "SET parley:seen:{bob} 1700000000000");
    ck_assert_int_eq(presence_state_of(&world, TEXT("bob")).since_ms, 1700000000000);
}
END_TEST

START_TEST(sessions_of_live_incarnations_count_and_one_that_came_since_is_looked_up)
{
    presence_set_lease(&world, "g2-0a", FUTURE_MS); /* not in the list of the last beat */
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g2-0a/7", "1700000000002 phone");
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g2-0a/8",
                         "1700000000001 my laptop");
    struct presence_state state = presence_state_of(&world, TEXT("bob"));
    ck_assert(state.online);
    ck_assert_uint_eq(state.sessions, 2);
    ck_assert_int_eq(state.since_ms, 1700000000001);
}
END_TEST

/* The list of the last beat says when each lease ends: from then on it says nothing. */
START_TEST(who_has_expired_since_the_last_beat_does_not_count)
{
    int64_t now_ms = presence_state_of(&world, TEXT("nobody")).at_ms;

    presence_set_lease(&world, "g2-0a", now_ms + 500);
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g2-0a/7", "1700000000002 phone");
    ck_assert(presence_state_of(&world, TEXT("bob")).online); /* now it is in the list */
    WORLD_UNTIL(&world, presence_state_of(&world, TEXT("nobody")).at_ms >= now_ms + 500);
    ck_assert(!presence_state_of(&world, TEXT("bob")).online);
}
END_TEST

START_TEST(ids_are_encoded_in_keys)
{
    presence_set_lease(&world, "g2-0a", FUTURE_MS);
    presence_add_session(&world, TEXT("parley:presence:{a%3A%7Bb%20}"), "g2-0a/7",
                         "1700000000002 phone");
    ck_assert(presence_state_of(&world, TEXT("a:{b ")).online);
}
END_TEST

START_TEST(sessions_of_an_expired_incarnation_do_not_count_and_stay_for_the_reaper)
{
    presence_set_lease(&world, "g2-0a", 1);
    presence_set_lease(&world, "dead:g3-0a", FUTURE_MS);
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g2-0a/7", "1700000000002 phone");
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g3-0a/7", "1700000000002 phone");
    struct presence_state state = presence_state_of(&world, TEXT("bob"));
    ck_assert(!state.online);
    ck_assert_uint_eq(state.sessions, 0);
    ck_assert_int_eq(world_ask(&world, "HLEN parley:presence:{bob}")->integer, 2);
}
END_TEST

START_TEST(what_incarnations_left_that_are_nowhere_is_removed_in_silence)
{
    redisContext *watcher;
    redisReply *message = NULL;

    for (unsigned i = 0; i < 50; i++) {
        char field[32];
        snprintf(field, sizeof(field), "g%u-0a/7", i);
        presence_add_session(&world, TEXT("parley:presence:{bob}"), field, "1700000000002 phone");
    }
    world_ask(&world, "SET parley:seen:{bob} 1700000000003");
    watcher = presence_watch(&world, "parley:presence-events:{bob}");
    long before = world_calls(&world, "evalsha");
    ck_assert(!presence_state_of(&world, TEXT("bob")).online);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:presence:{bob}")->integer, 0);
    ck_assert_int_le(world_calls(&world, "evalsha") - before, 4); /* a beat may be among them */
    ck_assert_int_eq(presence_state_of(&world, TEXT("bob")).since_ms, 1700000000003);
    world_ask(&world, "PUBLISH parley:presence-events:{bob} nothing-before-this");
    ck_assert_int_eq(redisGetReply(watcher, (void **)&message), REDIS_OK);
    ck_assert_str_eq(message->element[2]->str, "nothing-before-this");
    freeReplyObject(message);
    redisFree(watcher);
}
END_TEST

START_TEST(fields_that_are_no_sessions_are_nothing)
{
    static const char *const FIELDS[] = {"", "x", "g2-0a", "g2-0a/", "/7", "g2 0a/7", "g2-0a/7x"};

    presence_set_lease(&world, "g2-0a", FUTURE_MS);
    for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++)
        presence_add_session(&world, TEXT("parley:presence:{bob}"), FIELDS[i],
                             "1700000000002 phone");
    ck_assert(!presence_state_of(&world, TEXT("bob")).online);
    presence_add_session(&world, TEXT("parley:presence:{bob}"), "g2-0a/7", "not a time");
    ck_assert_uint_eq(presence_state_of(&world, TEXT("bob")).sessions, 1);
}
END_TEST

START_TEST(a_key_of_another_type_is_refused_and_nothing_else)
{
    world_ask(&world, "SET parley:presence:{bob} text");
    ck_assert_int_eq(presence_ask(&world, TEXT("bob")).outcome, BROKER_REFUSED);
    ck_assert(!presence_state_of(&world, TEXT("carol")).online);
}
END_TEST

START_TEST(without_redis_nobody_knows)
{
    redis_kill(&world.server);
    WORLD_UNTIL(&world, world.downs == 1);
    ck_assert_int_eq(presence_ask(&world, TEXT("bob")).outcome, BROKER_NOT_SENT);
}
END_TEST

Suite *presence_suite(void)
{
    Suite *suite = suite_create("presence");
    TCase *look = tcase_create("look");

    tcase_add_checked_fixture(look, setup, teardown);
    tcase_set_timeout(look, 60);
    tcase_add_test(look, who_has_no_session_is_offline_since_the_last_one_ended);
    tcase_add_test(look, sessions_of_live_incarnations_count_and_one_that_came_since_is_looked_up);
    tcase_add_test(look, who_has_expired_since_the_last_beat_does_not_count);
    tcase_add_test(look, ids_are_encoded_in_keys);
    tcase_add_test(look, sessions_of_an_expired_incarnation_do_not_count_and_stay_for_the_reaper);
    tcase_add_test(look, what_incarnations_left_that_are_nowhere_is_removed_in_silence);
    tcase_add_test(look, fields_that_are_no_sessions_are_nothing);
    tcase_add_test(look, a_key_of_another_type_is_refused_and_nothing_else);
    tcase_add_test(look, without_redis_nobody_knows);
    suite_add_tcase(suite, look);

    return suite;
}
