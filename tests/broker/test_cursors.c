/* Cursors on their way to Redis. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/cursors.h"
#include "mailbox_world.h"

#define IN_FLIGHT 256 /* scripts without an answer, at most */

static struct world world;
static struct cursors *cursors;

static void setup(void)
{
    world_begin(&world);
    cursors = cursors_new(world.loop, world.broker, 60000);
    mailbox_add(&world, MAILBOX, "1000-1", "x"); /* the last id that bob's mailbox gave */
}

static void teardown(void)
{
    broker_free(world.broker);
    world.broker = NULL;
    cursors_free(cursors);
    world_clear(&world);
}

static void move(const char *device, unsigned ms)
{
    cursors_move(cursors, TEXT("bob"), text_of(device), ID(ms));
}

static long pending(void)
{
    return metric_value("parley_cursors_pending");
}

/* Nothing is on its way any more. */
static void settle(void)
{
    WORLD_UNTIL(&world, pending() == 0);
}

static long refused(void)
{
    return metric_value("parley_cursors_total{result=\"refused\"}");
}

static long unanswered(void)
{
    return metric_value("parley_cursors_total{result=\"unanswered\"}");
}

/* A client of its own, which is not the one of a Redis that has been killed. */
static void connect_anew(void)
{
    redisFree(world.client);
    world.client = NULL;
}

/* ---- Gathering ---- */

/* Each script looks at one mailbox. */
static long scripts(void)
{
    return world_calls(&world, "xinfo|stream");
}

START_TEST(what_moves_within_a_second_is_one_script_for_each_user)
{
    int64_t begin_us = loop_clock_us();

    mailbox_add(&world, "parley:mailbox:{carol}", "1000-1", "x");
    move("phone", 500);
    for (unsigned i = 1; i <= 100; i++) {
        world_turn(&world);
        move("phone", 500 + i);
        move("laptop", 400 + i);
        cursors_move(cursors, TEXT("carol"), TEXT("phone"), ID(i));
    }
    ck_assert_int_eq(pending(), 3);
    ck_assert_int_eq(scripts(), 0);
    settle();
    ck_assert_int_ge(loop_clock_us() - begin_us, 990 * 1000); /* the loop rounds to ms */
    ck_assert_int_le(loop_clock_us() - begin_us, 2000 * 1000);
    ck_assert_int_eq(scripts(), 2);
    ck_assert_str_eq(cursor_of(&world, "phone"), "600-1");
    ck_assert_str_eq(cursor_of(&world, "laptop"), "500-1");
    ck_assert_str_eq(world_ask(&world, "HGET parley:cursor:{carol} phone")->str, "100-1");
    cursors_assert_results(3, 0);

    move("phone", 700); /* and the next second again */
    settle();
    ck_assert_str_eq(cursor_of(&world, "phone"), "700-1");
    ck_assert_int_eq(scripts(), 3);
}
END_TEST

START_TEST(of_several_ids_the_newest_is_written)
{
    move("phone", 500);
    move("phone", 700);
    move("phone", 600);
    settle();
    ck_assert_str_eq(cursor_of(&world, "phone"), "700-1");
    cursors_assert_results(1, 0);
}
END_TEST

START_TEST(of_more_devices_than_redis_keeps_the_lowest_are_not_kept_either)
{
    for (unsigned i = 1; i <= 40; i++) {
        char device[16];

        snprintf(device, sizeof(device), "device-%u", i);
        move(device, 100 + i);
    }
    move("low", 50);
    ck_assert_int_eq(pending(), CURSORS_MAX_DEVICES);
    cursors_flush(cursors);
    settle();
    ck_assert_int_eq(scripts(), 1); /* all of them fit into one */
    ck_assert_int_eq(world_ask(&world, "HLEN " CURSOR)->integer, CURSORS_MAX_DEVICES);
    ck_assert_str_eq(cursor_of(&world, "device-40"), "140-1");
    ck_assert_str_eq(cursor_of(&world, "device-9"), "109-1");
    ck_assert_str_eq(cursor_of(&world, "device-8"), "");
    ck_assert_str_eq(cursor_of(&world, "low"), "");
}
END_TEST

START_TEST(what_moves_while_it_is_written_goes_on)
{
    redis_pause(&world.server);
    move("phone", 500);
    move("laptop", 500);
    cursors_flush(cursors);
    move("phone", 600);
    ck_assert_int_eq(pending(), 2);
    redis_resume(&world.server);
    WORLD_UNTIL(&world, pending() == 1);
    ck_assert_str_eq(cursor_of(&world, "phone"), "500-1");
    ck_assert_str_eq(cursor_of(&world, "laptop"), "500-1");
    settle();
    ck_assert_str_eq(cursor_of(&world, "phone"), "600-1");
    cursors_assert_results(3, 0);
}
END_TEST

static void user_name(unsigned i, char out[16])
{
    snprintf(out, 16, "user-%u", i);
}

/* A mailbox and a move for each of so many users. */
static void move_users(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char user[16];
        char mailbox[48];

        user_name(i, user);
        snprintf(mailbox, sizeof(mailbox), "parley:mailbox:{%s}", user);
        mailbox_add(&world, mailbox, "9-1", "x");
        cursors_move(cursors, text_of(user), TEXT("phone"), ID(7));
    }
}

static void assert_users(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char user[16];
        char command[64];

        user_name(i, user);
        snprintf(command, sizeof(command), "HGET parley:cursor:{%s} phone", user);
        const redisReply *reply = world_ask(&world, command);
        ck_assert_int_eq(reply->type, REDIS_REPLY_STRING);
        ck_assert_str_eq(reply->str, "7-1");
    }
}

START_TEST(a_flush_of_many_users_asks_redis_for_a_bounded_number_at_a_time)
{
    long most = 0;

    move_users(900);
    redis_pause(&world.server);
    WORLD_UNTIL(&world, metric_value("parley_redis_pending") >= IN_FLIGHT);
    for (unsigned i = 0; i < 20; i++) {
        long now = metric_value("parley_redis_pending");

        most = now > most ? now : most;
        world_turn(&world);
    }
    redis_resume(&world.server);
    ck_assert_int_ge(most, IN_FLIGHT);
    ck_assert_int_le(most, IN_FLIGHT + 4); /* beats */
    settle();
    assert_users(900);
}
END_TEST

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

START_TEST(before_the_end_all_of_them_are_handed_over)
{
    bool stopped = false;

    move_users(900);
    cursors_flush(cursors);
    ck_assert_int_ge(metric_value("parley_redis_pending"), 900);
    broker_stop(world.broker, on_stopped, &stopped);
    WORLD_UNTIL(&world, stopped);
    ck_assert_int_eq(pending(), 0);
    assert_users(900);
}
END_TEST

/* ---- What Redis does not take ---- */

START_TEST(while_redis_is_away_cursors_are_kept_and_written_when_it_is_back)
{
    redis_kill(&world.server);
    WORLD_UNTIL(&world, world.downs == 1);
    move("phone", 500);
    move("laptop", 400);
    cursors_move(cursors, TEXT("carol"), TEXT("phone"), ID(1));
    move("phone", 600);
    move("phone", 550);
    int64_t begin_us = loop_clock_us();
    WORLD_UNTIL(&world, loop_clock_us() - begin_us > 1100 * 1000); /* a flush falls due */
    ck_assert_int_eq(pending(), 3);
    ck_assert_int_eq(unanswered(), 0); /* nothing was even tried */

    redis_restart(&world.server);
    connect_anew();
    mailbox_add(&world, MAILBOX, "1000-1", "x");
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_str_eq(cursor_of(&world, "phone"), "");
    cursors_up(cursors);
    settle();
    ck_assert_str_eq(cursor_of(&world, "phone"), "600-1");
    ck_assert_str_eq(cursor_of(&world, "laptop"), "400-1");
    cursors_assert_results(2, 1); /* carol's mailbox is gone: what she had read is worth nothing */
}
END_TEST

START_TEST(what_is_lost_with_the_connection_is_kept)
{
    redis_pause(&world.server);
    move("phone", 500);
    cursors_flush(cursors);
    world_turn(&world);
    redis_kill(&world.server);
    WORLD_UNTIL(&world, world.downs == 1);
    ck_assert_int_eq(unanswered(), 1);
    ck_assert_int_eq(pending(), 1);
    redis_restart(&world.server);
    connect_anew();
    mailbox_add(&world, MAILBOX, "1000-1", "x");
    WORLD_UNTIL(&world, world.ups == 2);
    cursors_up(cursors);
    settle();
    ck_assert_str_eq(cursor_of(&world, "phone"), "500-1");
}
END_TEST

START_TEST(what_is_not_answered_in_time_is_tried_again)
{
    redis_pause(&world.server);
    move("phone", 500);
    cursors_flush(cursors);
    WORLD_UNTIL(&world, unanswered() == 1);
    ck_assert_int_eq(pending(), 1);
    redis_resume(&world.server);
    settle(); /* it did run: the second time there was nothing to do */
    ck_assert_str_eq(cursor_of(&world, "phone"), "500-1");
    cursors_assert_results(0, 1);
}
END_TEST

START_TEST(what_is_refused_is_kept_and_tried_again)
{
    world_ask(&world, "ACL SETUSER default -hset");
    move("phone", 500);
    WORLD_UNTIL(&world, refused() == 1);
    ck_assert_int_eq(pending(), 1);
    move("phone", 600);
    move("laptop", 300);
    WORLD_UNTIL(&world, refused() >= 3);
    ck_assert_int_eq(pending(), 2);
    world_ask(&world, "ACL SETUSER default +hset");
    settle();
    ck_assert_str_eq(cursor_of(&world, "phone"), "600-1");
    ck_assert_str_eq(cursor_of(&world, "laptop"), "300-1");
    cursors_assert_results(2, 0);
}
END_TEST

/* When everybody is refused, asking on for everybody would only be a load. */
START_TEST(a_flush_ends_when_redis_refuses)
{
    move_users(900);
    world_ask(&world, "ACL SETUSER default -hset");
    WORLD_UNTIL(&world, refused() > 0);
    WORLD_UNTIL(&world, metric_value("parley_redis_pending") <= 1);
    ck_assert_int_le(refused(), IN_FLIGHT);
    ck_assert_int_eq(pending(), 900);
    world_ask(&world, "ACL SETUSER default +hset");
    settle();
    assert_users(900);
}
END_TEST

START_TEST(a_key_of_another_type_is_the_trouble_of_its_user_alone)
{
    world_ask(&world, "SET " CURSOR " text");
    mailbox_add(&world, "parley:mailbox:{carol}", "1000-1", "x");
    world_ask(&world, "SET parley:mailbox:{carol} text");
    log_begin(&world);
    move("phone", 500);
    cursors_move(cursors, TEXT("carol"), TEXT("phone"), ID(1));
    move_users(2 * IN_FLIGHT);
    WORLD_UNTIL(&world, refused() == 2);
    int64_t refused_us = loop_clock_us();
    WORLD_UNTIL(&world, pending() == 0);                        /* these two are not kept */
    ck_assert_int_lt(loop_clock_us() - refused_us, 900 * 1000); /* in the same flush */
    assert_users(2 * IN_FLIGHT);
    ck_assert_uint_ge(log_count(&world, "event=redis_refused script=cursor key=" CURSOR), 1);

    world_ask(&world, "DEL " CURSOR);
    move("phone", 600);
    settle();
    ck_assert_int_eq(refused(), 2);
    ck_assert_str_eq(cursor_of(&world, "phone"), "600-1");
}
END_TEST

static void add_case(Suite *suite, TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
}

Suite *cursors_suite(void)
{
    Suite *suite = suite_create("cursors");
    TCase *gathering = tcase_create("gathering");
    TCase *trouble = tcase_create("trouble");

    tcase_add_test(gathering, what_moves_within_a_second_is_one_script_for_each_user);
    tcase_add_test(gathering, of_several_ids_the_newest_is_written);
    tcase_add_test(gathering, of_more_devices_than_redis_keeps_the_lowest_are_not_kept_either);
    tcase_add_test(gathering, what_moves_while_it_is_written_goes_on);
    tcase_add_test(gathering, a_flush_of_many_users_asks_redis_for_a_bounded_number_at_a_time);
    tcase_add_test(gathering, before_the_end_all_of_them_are_handed_over);
    add_case(suite, gathering);

    tcase_add_test(trouble, while_redis_is_away_cursors_are_kept_and_written_when_it_is_back);
    tcase_add_test(trouble, what_is_lost_with_the_connection_is_kept);
    tcase_add_test(trouble, what_is_not_answered_in_time_is_tried_again);
    tcase_add_test(trouble, what_is_refused_is_kept_and_tried_again);
    tcase_add_test(trouble, a_flush_ends_when_redis_refuses);
    tcase_add_test(trouble, a_key_of_another_type_is_the_trouble_of_its_user_alone);
    add_case(suite, trouble);
    return suite;
}
