/* Subscriptions: batches, order, churn, and handing over at once. */
#include <stdio.h>
#include <string.h>

#include "world.h"

static struct world world;

static void begin(void)
{
    world_begin(&world);
}

static void clear(void)
{
    world_clear(&world);
}

static struct text user_name(unsigned number, char out[16])
{
    snprintf(out, 16, "user %u", number);
    return text_of(out);
}

/* How many channels of users Redis knows; the gateway's own is not counted. */
static size_t channels_in_redis(void)
{
    return world_ask(&world, "PUBSUB CHANNELS parley:user:*")->elements;
}

START_TEST(the_own_channel_is_subscribed_first)
{
    const redisReply *channels = world_ask(&world, "PUBSUB CHANNELS");
    ck_assert_uint_eq(channels->elements, 1);
    ck_assert_str_eq(channels->element[0]->str, world_own_channel(&world));
}
END_TEST

START_TEST(a_thousand_channels_leave_in_two_commands)
{
    char name[16];
    long before = world_calls(&world, "subscribe");

    for (unsigned i = 0; i < 1000; i++)
        broker_subscribe(world.broker, BROKER_USER, user_name(i, name));
    ck_assert(!broker_is_subscribed(world.broker, BROKER_USER, user_name(0, name)));
    WORLD_UNTIL(&world, world.subscribed == 1000);
    for (unsigned i = 0; i < 1000; i++)
        ck_assert(broker_is_subscribed(world.broker, BROKER_USER, user_name(i, name)));
    ck_assert_int_eq(world_calls(&world, "subscribe") - before, 2);
    ck_assert_uint_eq(channels_in_redis(), 1000);

    for (unsigned i = 0; i < 1000; i++)
        broker_unsubscribe(world.broker, BROKER_USER, user_name(i, name));
    WORLD_UNTIL(&world, channels_in_redis() == 0);
    ck_assert_int_eq(world_calls(&world, "unsubscribe"), 2);
    ck_assert_uint_eq(world.downs, 0);
}
END_TEST

START_TEST(what_is_wanted_already_is_not_subscribed_again)
{
    long before = world_calls(&world, "subscribe");

    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    broker_unsubscribe(world.broker, BROKER_USER, TEXT("carol"));
    world_turn(&world);
    ck_assert_int_eq(world_calls(&world, "subscribe") - before, 1);
    ck_assert_int_eq(world_calls(&world, "unsubscribe"), 0);
}
END_TEST

START_TEST(a_change_taken_back_in_the_same_turn_does_not_leave)
{
    long before = world_calls(&world, "subscribe");

    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    broker_unsubscribe(world.broker, BROKER_USER, TEXT("bob"));
    broker_subscribe(world.broker, BROKER_USER, TEXT("carol"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    broker_unsubscribe(world.broker, BROKER_USER, TEXT("carol"));
    ck_assert(!broker_is_subscribed(world.broker, BROKER_USER, TEXT("carol")));
    broker_subscribe(world.broker, BROKER_USER, TEXT("carol"));
    ck_assert(broker_is_subscribed(world.broker, BROKER_USER, TEXT("carol")));
    world_turn(&world);
    ck_assert_int_eq(world_calls(&world, "subscribe") - before, 1);
    ck_assert_int_eq(world_calls(&world, "unsubscribe"), 0);
    ck_assert_uint_eq(channels_in_redis(), 1);
}
END_TEST

/* A linear congruential generator (Knuth's MMIX): the same sequence everywhere. */
static unsigned random_below(uint64_t *state, unsigned limit)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return (unsigned)(*state >> 33) % limit;
}

START_TEST(churn_ends_with_exactly_what_is_wanted)
{
    bool wanted[40] = {false};
    char name[16];
    size_t count = 0;
    uint64_t random = 1;

    for (int i = 0; i < 5000; i++) {
        unsigned user = random_below(&random, 40);
        wanted[user] = random_below(&random, 2) == 0;
        if (wanted[user])
            broker_subscribe(world.broker, BROKER_USER, user_name(user, name));
        else
            broker_unsubscribe(world.broker, BROKER_USER, user_name(user, name));
        if (random_below(&random, 8) == 0)
            broker_flush_subscriptions(world.broker);
        if (random_below(&random, 64) == 0)
            world_turn(&world);
    }
    for (unsigned user = 0; user < 40; user++) {
        struct text id = user_name(user, name);
        if (wanted[user]) {
            WORLD_UNTIL(&world, broker_is_subscribed(world.broker, BROKER_USER, id));
            count++;
        }
    }
    WORLD_UNTIL(&world, channels_in_redis() == count);
    for (unsigned user = 0; user < 40; user++) {
        char command[64];
        snprintf(command, sizeof(command), "PUBLISH parley:user:{user%%20%u} x", user);
        ck_assert_int_eq(world_ask(&world, command)->integer, wanted[user]);
        ck_assert(broker_is_subscribed(world.broker, BROKER_USER, user_name(user, name)) ==
                  wanted[user]);
    }
    ck_assert_uint_eq(world.downs, 0);
}
END_TEST

START_TEST(flushing_hands_over_before_it_returns)
{
    char name[16];
    char command[64];

    /* The loop does not run in between: what was not handed over cannot be in Redis. The PING is
     * there because Redis reads the sockets that are ready together in an order of its own; what
     * was there before a question is done before its answer leaves. */
    for (unsigned i = 0; i < 300; i++) {
        broker_subscribe(world.broker, BROKER_USER, user_name(i, name));
        broker_flush_subscriptions(world.broker);
        world_ask(&world, "PING");
        snprintf(command, sizeof(command), "PUBLISH parley:user:{user%%20%u} hello", i);
        ck_assert_int_eq(world_ask(&world, command)->integer, 1);
    }
    WORLD_UNTIL(&world, world.published == 300);
    ck_assert_uint_eq(world.subscribed, 300);
}
END_TEST

START_TEST(bytes_on_a_channel_arrive_as_they_are)
{
    static char bytes[3 * 1024 * 1024];
    const struct text args[] = {TEXT("PUBLISH"), TEXT("parley:user:{bob}"), {bytes, sizeof(bytes)}};

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 / 7);
    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    world_ask_with(&world, args, 3);
    WORLD_UNTIL(&world, world.published == 1);
    ck_assert(text_equal(builder_text(&world.last_bytes), args[2]));

    /* A foreign message on the gateway's own channel is nobody's. */
    const struct text foreign[] = {TEXT("PUBLISH"), text_of(world_own_channel(&world)), TEXT("x")};
    world_ask_with(&world, foreign, 3);
    world_ask(&world, "PUBLISH parley:user:{bob} y");
    WORLD_UNTIL(&world, world.published == 2);
    ck_assert(text_equal(builder_text(&world.last_bytes), TEXT("y")));
}
END_TEST

START_TEST(the_two_channels_of_a_user_are_apart)
{
    const struct text user = TEXT("b:{b}%");

    broker_subscribe(world.broker, BROKER_PRESENCE_EVENTS, user);
    WORLD_UNTIL(&world, world.subscribed == 1);
    ck_assert_int_eq(world.last_channel, BROKER_PRESENCE_EVENTS);
    ck_assert(text_equal(builder_text(&world.last_user), user));
    ck_assert(!broker_is_subscribed(world.broker, BROKER_USER, user));
    ck_assert_uint_eq(channels_in_redis(), 0);
    world_ask(&world, "PUBLISH parley:presence-events:{b%3A%7Bb%7D%25} x");
    WORLD_UNTIL(&world, world.published == 1);
    ck_assert_int_eq(world.last_channel, BROKER_PRESENCE_EVENTS);
    ck_assert(text_equal(builder_text(&world.last_user), user));

    broker_subscribe(world.broker, BROKER_USER, user);
    WORLD_UNTIL(&world, world.subscribed == 2);
    broker_unsubscribe(world.broker, BROKER_PRESENCE_EVENTS, user);
    ck_assert(broker_is_subscribed(world.broker, BROKER_USER, user));
    WORLD_UNTIL(&world, world_calls(&world, "unsubscribe") == 1);
    world_ask(&world, "PUBLISH parley:presence-events:{b%3A%7Bb%7D%25} x");
    world_ask(&world, "PUBLISH parley:user:{b%3A%7Bb%7D%25} y");
    WORLD_UNTIL(&world, world.published == 2);
    ck_assert_int_eq(world.last_channel, BROKER_USER);
}
END_TEST

START_TEST(both_kinds_are_renewed)
{
    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    broker_subscribe(world.broker, BROKER_PRESENCE_EVENTS, TEXT("carol"));
    WORLD_UNTIL(&world, world.subscribed == 2);
    world_ask(&world, "CLIENT KILL TYPE pubsub");
    redis_pause(&world.server); /* or they were renewed before anybody looks */
    WORLD_UNTIL(&world, world.downs == 1);
    ck_assert(!broker_is_subscribed(world.broker, BROKER_PRESENCE_EVENTS, TEXT("carol")));
    redis_resume(&world.server);
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_uint_eq(world.subscribed, 4);
    ck_assert(broker_is_subscribed(world.broker, BROKER_USER, TEXT("bob")));
    ck_assert(broker_is_subscribed(world.broker, BROKER_PRESENCE_EVENTS, TEXT("carol")));
}
END_TEST

Suite *channels_suite(void)
{
    Suite *suite = suite_create("channels");
    TCase *tests = tcase_create("unix socket");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, begin, clear);
    tcase_add_test(tests, the_own_channel_is_subscribed_first);
    tcase_add_test(tests, a_thousand_channels_leave_in_two_commands);
    tcase_add_test(tests, what_is_wanted_already_is_not_subscribed_again);
    tcase_add_test(tests, a_change_taken_back_in_the_same_turn_does_not_leave);
    tcase_add_test(tests, churn_ends_with_exactly_what_is_wanted);
    tcase_add_test(tests, flushing_hands_over_before_it_returns);
    tcase_add_test(tests, bytes_on_a_channel_arrive_as_they_are);
    tcase_add_test(tests, the_two_channels_of_a_user_are_apart);
    tcase_add_test(tests, both_kinds_are_renewed);
    suite_add_tcase(suite, tests);
    return suite;
}
