/* What a command is told when Redis is away, slow, killed, or back. */
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

static void kill_redis(void)
{
    redis_kill(&world.server);
    if (world.client != NULL)
        redisFree(world.client);
    world.client = NULL;
}

START_TEST(without_redis_a_command_is_not_sent)
{
    struct accepted accepted;

    world_init(&world);
    world_start_broker(&world);
    world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted);
    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    broker_unsubscribe(world.broker, BROKER_USER, TEXT("carol"));
    broker_flush_subscriptions(world.broker);
    WORLD_UNTIL(&world, accepted.fired == 1);
    ck_assert_int_eq(accepted.result.outcome, BROKER_NOT_SENT);
    ck_assert(!broker_is_up(world.broker));
    ck_assert(!broker_is_subscribed(world.broker, BROKER_USER, TEXT("bob")));
    ck_assert_uint_eq(world.ups + world.downs, 0);
}
END_TEST

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

/* A socket that is not there, and a name whose look-up is under way when the broker stops. */
START_TEST(a_broker_without_redis_stops_and_says_so_once)
{
    static const char *const ADDRESSES[] = {"unix:/nonexistent/socket", "redis.invalid:6379"};
    bool stopped = false;

    world_init(&world);
    redis_address_clear(&world.address);
    ck_assert(redis_address_parse(&world.address, ADDRESSES[_i]));
    world_start_broker(&world);
    world_turn(&world);
    broker_stop(world.broker, on_stopped, &stopped);
    ck_assert(!stopped);
    WORLD_UNTIL(&world, stopped);
}
END_TEST

START_TEST(a_late_reply_is_swallowed_and_the_connection_stays)
{
    struct accepted late[3];
    struct accepted next;

    redis_pause(&world.server);
    for (size_t i = 0; i < 3; i++)
        world_accept(&world, TEXT("bob"), TEXT("late}"), &late[i]);
    WORLD_UNTIL(&world, late[2].fired == 1);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(late[i].fired, 1);
        ck_assert_int_eq(late[i].result.outcome, BROKER_UNANSWERED);
    }
    redis_resume(&world.server);

    /* A fourth entry, and its own id: the late answers went to nobody. */
    world_accept_now(&world, TEXT("bob"), TEXT("next}"), &next);
    const redisReply *entries = world_ask(&world, "XREVRANGE parley:mailbox:{bob} + - COUNT 1");
    char id[MESSAGE_ID_TEXT_MAX];
    message_id_format(next.result.id, id);
    ck_assert_str_eq(entries->element[0]->element[0]->str, id);
    ck_assert_str_eq(entries->element[0]->element[1]->element[1]->str, "next}");
    ck_assert_int_eq(world_ask(&world, "XLEN parley:mailbox:{bob}")->integer, 4);
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(late[i].fired, 1);
    ck_assert_uint_eq(world.downs, 0);
}
END_TEST

START_TEST(a_redis_that_hangs_is_connected_to_anew)
{
    struct accepted accepted;

    redis_pause(&world.server);
    world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted);
    WORLD_UNTIL(&world, world.downs == 1);
    ck_assert_uint_eq(accepted.fired, 1);
    ck_assert_int_eq(accepted.result.outcome, BROKER_UNANSWERED);
    redis_resume(&world.server);
    WORLD_UNTIL(&world, world.ups == 2);
    world_accept_now(&world, TEXT("bob"), TEXT("x}"), &accepted);
}
END_TEST

START_TEST(subscriptions_that_are_not_confirmed_are_made_anew)
{
    redis_pause(&world.server);
    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    WORLD_UNTIL(&world, world.downs == 1);
    redis_resume(&world.server);
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert(broker_is_subscribed(world.broker, BROKER_USER, TEXT("bob")));
}
END_TEST

START_TEST(a_killed_redis_leaves_each_command_told_once_and_exactly)
{
    static char body[64 * 1024];
    struct accepted accepted[200];
    unsigned unanswered = 0;

    /* More than the socket's buffers take: some are handed over, some are not. */
    memset(body, 'x', sizeof(body));
    redis_pause(&world.server);
    for (size_t i = 0; i < 200; i++)
        world_accept(&world, TEXT("bob"), (struct text){body, sizeof(body)}, &accepted[i]);
    for (int i = 0; i < 5; i++)
        world_turn(&world);
    kill_redis();
    WORLD_UNTIL(&world, world.downs == 1 && accepted[199].fired == 1);
    for (size_t i = 0; i < 200; i++) {
        ck_assert_uint_eq(accepted[i].fired, 1);
        if (accepted[i].result.outcome == BROKER_UNANSWERED)
            ck_assert_uint_eq(unanswered++, i); /* in the order in which they were written */
        else
            ck_assert_int_eq(accepted[i].result.outcome, BROKER_NOT_SENT);
    }
    ck_assert_uint_gt(unanswered, 0);
    ck_assert_uint_lt(unanswered, 200);
}
END_TEST

START_TEST(after_a_restart_all_works_again_by_itself)
{
    struct accepted accepted;

    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    broker_subscribe(world.broker, BROKER_USER, TEXT("carol"));
    WORLD_UNTIL(&world, world.subscribed == 2);
    kill_redis();
    WORLD_UNTIL(&world, world.downs == 1);
    ck_assert(!broker_is_subscribed(world.broker, BROKER_USER, TEXT("bob")));
    broker_unsubscribe(world.broker, BROKER_USER, TEXT("carol"));
    broker_subscribe(world.broker, BROKER_USER, TEXT("dave"));

    redis_restart(&world.server);
    WORLD_UNTIL(&world, world.ups == 2);
    /* Up means confirmed. */
    ck_assert(broker_is_subscribed(world.broker, BROKER_USER, TEXT("bob")));
    ck_assert(broker_is_subscribed(world.broker, BROKER_USER, TEXT("dave")));
    ck_assert_uint_eq(world.subscribed, 4);
    ck_assert_uint_eq(world_ask(&world, "PUBSUB CHANNELS")->elements, 3);
    world_accept_now(&world, TEXT("bob"), TEXT("x}"), &accepted);
    ck_assert_int_eq(accepted.result.subscribers, 1);
    WORLD_UNTIL(&world, world.published == 1);
}
END_TEST

START_TEST(each_connection_comes_back_alone)
{
    struct accepted accepted;

    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    world_ask(&world, "CLIENT KILL TYPE pubsub");
    WORLD_UNTIL(&world, world.downs == 1);
    /* Commands need only theirs. */
    world_accept_now(&world, TEXT("bob"), TEXT("x}"), &accepted);
    WORLD_UNTIL(&world, world.ups == 2 && world.subscribed == 2);

    world_ask(&world, "CLIENT KILL TYPE normal SKIPME yes");
    WORLD_UNTIL(&world, world.downs == 2);
    ck_assert(broker_is_subscribed(world.broker, BROKER_USER, TEXT("bob")));
    WORLD_UNTIL(&world, world.ups == 3);
    ck_assert_uint_eq(world.subscribed, 2);
    world_accept_now(&world, TEXT("bob"), TEXT("x}"), &accepted);
}
END_TEST

Suite *outages_suite(void)
{
    Suite *suite = suite_create("outages");
    TCase *without = tcase_create("no Redis");
    TCase *with = tcase_create("unix socket");

    tcase_set_timeout(without, 60);
    tcase_add_checked_fixture(without, NULL, clear);
    tcase_add_test(without, without_redis_a_command_is_not_sent);
    tcase_add_loop_test(without, a_broker_without_redis_stops_and_says_so_once, 0, 2);
    suite_add_tcase(suite, without);

    tcase_set_timeout(with, 60);
    tcase_add_checked_fixture(with, begin, clear);
    tcase_add_test(with, a_late_reply_is_swallowed_and_the_connection_stays);
    tcase_add_test(with, a_redis_that_hangs_is_connected_to_anew);
    tcase_add_test(with, subscriptions_that_are_not_confirmed_are_made_anew);
    tcase_add_test(with, a_killed_redis_leaves_each_command_told_once_and_exactly);
    tcase_add_test(with, after_a_restart_all_works_again_by_itself);
    tcase_add_test(with, each_connection_comes_back_alone);
    suite_add_tcase(suite, with);
    return suite;
}
