/* What becomes of cursors in Redis (scripts/cursor.lua). */
#include <stdio.h>
#include <string.h>

#include "broker/cursors.h"
#include "mailbox_world.h"

#define MAILBOX_TTL_MS 100000

static struct world world;
static struct cursors *cursors;

static void setup(void)
{
    world_begin(&world);
    cursors = cursors_new(world.loop, world.broker, MAILBOX_TTL_MS);
    mailbox_add(&world, MAILBOX, "1000-1", "x"); /* the last id that bob's mailbox gave */
}

static void teardown(void)
{
    broker_free(world.broker);
    world.broker = NULL;
    cursors_free(cursors);
    world_clear(&world);
}

static void settle(void)
{
    WORLD_UNTIL(&world, metric_value("parley_cursors_pending") == 0);
}

/* Hands it to Redis now, and waits for what comes of it. */
static void move_now(const char *device, unsigned ms)
{
    cursors_move(cursors, TEXT("bob"), text_of(device), ID(ms));
    cursors_flush(cursors);
    settle();
}

START_TEST(a_cursor_goes_forward_only)
{
    move_now("phone", 500);
    ck_assert_str_eq(cursor_of(&world, "phone"), "500-1");
    move_now("phone", 400);
    ck_assert_str_eq(cursor_of(&world, "phone"), "500-1");
    move_now("phone", 500);
    cursors_assert_results(1, 2);
    move_now("phone", 1000);
    ck_assert_str_eq(cursor_of(&world, "phone"), "1000-1");
    ck_assert_str_eq(cursor_of(&world, "laptop"), "");
    cursors_assert_results(2, 2);
}
END_TEST

/* What another gateway has written counts, by all its 64 bits. */
START_TEST(cursors_are_compared_exactly)
{
    const struct message_id above = {9007199254740993, 9007199254740993};

    mailbox_add(&world, MAILBOX, "9007199254740999-1", "x");
    world_ask(&world, "HSET " CURSOR " phone 9007199254740993-9007199254740992");
    cursors_move(cursors, TEXT("bob"), TEXT("phone"), above);
    cursors_flush(cursors);
    settle();
    ck_assert_str_eq(cursor_of(&world, "phone"), "9007199254740993-9007199254740993");
    world_ask(&world, "HSET " CURSOR " phone 9007199254740993-9007199254740994");
    cursors_move(cursors, TEXT("bob"), TEXT("phone"), above);
    cursors_flush(cursors);
    settle();
    ck_assert_str_eq(cursor_of(&world, "phone"), "9007199254740993-9007199254740994");
    world_ask(&world, "HSET " CURSOR " phone 999-1");
    move_now("phone", 1000);
    ck_assert_str_eq(cursor_of(&world, "phone"), "1000-1");
}
END_TEST

/* Redis came back older, or empty, or with another clock; or somebody wrote what is none. */
START_TEST(what_is_stored_and_worth_nothing_is_set_anew)
{
    static const char *const WORTHLESS[] = {
        "1000-2", "1001-0", "18446744073709551616-1", "x", "", "0900-1", "900-01", "900"};

    for (size_t i = 0; i < sizeof(WORTHLESS) / sizeof(*WORTHLESS); i++) {
        const struct text args[] = {TEXT("HSET"), TEXT(CURSOR), TEXT("phone"),
                                    text_of(WORTHLESS[i])};
        world_ask_with(&world, args, 4);
        move_now("phone", 500);
        ck_assert_msg(strcmp(cursor_of(&world, "phone"), "500-1") == 0, "%s", WORTHLESS[i]);
    }
    world_ask(&world, "HSET " CURSOR " phone 1000-1");
    move_now("phone", 500);
    ck_assert_str_eq(cursor_of(&world, "phone"), "1000-1");
}
END_TEST

/* It is from before Redis lost that; and nobody's, where there is no mailbox. */
START_TEST(what_is_above_everything_in_the_mailbox_is_ignored)
{
    move_now("phone", 500);
    move_now("phone", 1001);
    ck_assert_str_eq(cursor_of(&world, "phone"), "500-1");
    cursors_move(cursors, TEXT("carol"), TEXT("phone"), ID(5));
    cursors_flush(cursors);
    settle();
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:cursor:{carol}")->integer, 0);
    cursors_assert_results(1, 2);
}
END_TEST

/* As another gateway would, without its being counted here. */
static void store_devices(unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        char device[16];
        char id[16];

        snprintf(device, sizeof(device), "device-%u", i);
        snprintf(id, sizeof(id), "%u-1", 100 + i);
        const struct text args[] = {TEXT("HSET"), TEXT(CURSOR), text_of(device), text_of(id)};
        world_ask_with(&world, args, 4);
    }
}

START_TEST(of_33_devices_the_lowest_goes)
{
    store_devices(1, CURSORS_MAX_DEVICES);
    move_now("device-3", 500); /* no other device: nothing goes */
    ck_assert_int_eq(world_ask(&world, "HLEN " CURSOR)->integer, CURSORS_MAX_DEVICES);
    move_now("new", 99); /* it is the lowest itself */
    ck_assert_str_eq(cursor_of(&world, "new"), "");
    ck_assert_str_eq(cursor_of(&world, "device-1"), "101-1");
    move_now("new", 700);
    ck_assert_str_eq(cursor_of(&world, "new"), "700-1");
    ck_assert_str_eq(cursor_of(&world, "device-1"), "");
    ck_assert_str_eq(cursor_of(&world, "device-2"), "102-1");
    ck_assert_int_eq(world_ask(&world, "HLEN " CURSOR)->integer, CURSORS_MAX_DEVICES);
    cursors_assert_results(3, 0);
}
END_TEST

START_TEST(worthless_cursors_go_before_the_lowest)
{
    store_devices(1, CURSORS_MAX_DEVICES - 1);
    world_ask(&world, "HSET " CURSOR " above 1001-1 wrong x");
    move_now("new", 50);
    ck_assert_str_eq(cursor_of(&world, "new"), "50-1");
    ck_assert_str_eq(cursor_of(&world, "device-1"), "101-1");
    ck_assert_str_eq(cursor_of(&world, "above"), "");
    ck_assert_str_eq(cursor_of(&world, "wrong"), "");
    ck_assert_int_eq(world_ask(&world, "HLEN " CURSOR)->integer, CURSORS_MAX_DEVICES);
}
END_TEST

START_TEST(cursors_expire_after_twice_the_time_of_mailboxes)
{
    move_now("phone", 500);
    long long left_ms = world_ask(&world, "PTTL " CURSOR)->integer;
    ck_assert_int_le(left_ms, 2 * MAILBOX_TTL_MS);
    ck_assert_int_gt(left_ms, MAILBOX_TTL_MS);
    world_ask(&world, "PEXPIRE " CURSOR " 5000");
    move_now("phone", 501);
    ck_assert_int_gt(world_ask(&world, "PTTL " CURSOR)->integer, MAILBOX_TTL_MS);
}
END_TEST

START_TEST(cursors_never_expire_where_mailboxes_do_not)
{
    struct cursors *others = cursors_new(world.loop, world.broker, 0);

    cursors_move(others, TEXT("bob"), TEXT("phone"), ID(500));
    cursors_flush(others);
    settle();
    ck_assert_str_eq(cursor_of(&world, "phone"), "500-1");
    ck_assert_int_eq(world_ask(&world, "PTTL " CURSOR)->integer, -1);
    cursors_free(others);
}
END_TEST

START_TEST(a_full_redis_takes_cursors)
{
    world_ask(&world, "CONFIG SET maxmemory 1");
    move_now("phone", 500);
    ck_assert_str_eq(cursor_of(&world, "phone"), "500-1");
}
END_TEST

START_TEST(users_and_devices_are_encoded)
{
    const struct text cursor[] = {TEXT("HGET"), TEXT("parley:cursor:{b%3A%7B}"), TEXT("a%20%25")};

    mailbox_add(&world, "parley:mailbox:{b%3A%7B}", "9-1", "x");
    cursors_move(cursors, TEXT("b:{"), TEXT("a %"), ID(7));
    cursors_flush(cursors);
    settle();
    ck_assert_str_eq(world_ask_with(&world, cursor, 3)->str, "7-1");
}
END_TEST

Suite *cursor_script_suite(void)
{
    Suite *suite = suite_create("cursor_script");
    TCase *script = tcase_create("script");

    tcase_add_checked_fixture(script, setup, teardown);
    tcase_set_timeout(script, 60);
    tcase_add_test(script, a_cursor_goes_forward_only);
    tcase_add_test(script, cursors_are_compared_exactly);
    tcase_add_test(script, what_is_stored_and_worth_nothing_is_set_anew);
    tcase_add_test(script, what_is_above_everything_in_the_mailbox_is_ignored);
    tcase_add_test(script, of_33_devices_the_lowest_goes);
    tcase_add_test(script, worthless_cursors_go_before_the_lowest);
    tcase_add_test(script, cursors_expire_after_twice_the_time_of_mailboxes);
    tcase_add_test(script, cursors_never_expire_where_mailboxes_do_not);
    tcase_add_test(script, a_full_redis_takes_cursors);
    tcase_add_test(script, users_and_devices_are_encoded);
    suite_add_tcase(suite, script);
    return suite;
}
