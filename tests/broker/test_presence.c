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
    return suite;
}
