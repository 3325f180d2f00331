/* Reading mailboxes (scripts/page.lua). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailbox_world.h"

static struct world world;

static void setup(void)
{
    world_begin(&world);
}

static void teardown(void)
{
    world_clear(&world);
}

/* ---- Reading ---- */

START_TEST(what_is_stored_behind_the_position_is_read)
{
    mailbox_fill(&world, 1, 5);
    assert_page(page_behind(&world, ID(2)), PAGE_NO_GAP, 2, 3, 5);
    assert_page(page_behind(&world, (struct message_id){0}), PAGE_NO_GAP, 0, 1, 5);
    const struct page_seen *seen = page_behind(&world, ID(5));
    assert_nothing(seen, PAGE_NO_GAP, ID(5));
    assert_id(seen->last, ID(5));
}
END_TEST

START_TEST(a_page_has_as_many_entries_as_were_asked_for_and_knows_whether_it_is_the_last)
{
    struct page_request request = {.user = TEXT("bob"), .position = ID(1), ENTRIES(2)};
    const struct page_seen *seen;

    mailbox_fill(&world, 1, 5);
    seen = page_ask(&world, &request);
    ck_assert_uint_eq(seen->count, 2);
    assert_id(seen->ids[0], ID(2));
    assert_id(seen->ids[1], ID(3));
    ck_assert(!seen->is_last);
    assert_id(seen->last, ID(5));

    request.position = seen->ids[1];
    seen = page_ask(&world, &request);
    ck_assert_uint_eq(seen->count, 2);
    ck_assert(seen->is_last);

    /* What was the last one is deleted: nothing is stored behind the page, whatever was given. */
    request.position = ID(2);
    world_ask(&world, "XDEL " MAILBOX " 5-1");
    seen = page_ask(&world, &request);
    ck_assert_uint_eq(seen->count, 2);
    ck_assert(seen->is_last);
    assert_id(seen->last, ID(5));
}
END_TEST

START_TEST(a_page_ends_where_the_next_entry_might_have_no_room)
{
    /* Of frames that may be 1000 bytes long, and are of about 100, there is always room for one
     * more while 1000 are left, and so for ten in 2000; and one comes without any room. */
    struct page_request request = {
        .user = TEXT("bob"), .position = ID(1), .count = 100, .room = 2000, .longest = 1000};
    const struct page_seen *seen;

    mailbox_fill(&world, 1, 50);
    seen = page_ask(&world, &request);
    ck_assert_uint_ge(seen->count, 9);
    ck_assert_uint_le(seen->count, 12);
    for (unsigned i = 0; i < seen->count; i++)
        assert_id(seen->ids[i], ID(2 + i));
    ck_assert(!seen->is_last);
    request.room = 0;
    seen = page_ask(&world, &request);
    ck_assert_uint_eq(seen->count, 1);
    ck_assert(!seen->is_last);
    request.position = ID(49);
    seen = page_ask(&world, &request);
    ck_assert_uint_eq(seen->count, 1);
    ck_assert(seen->is_last);
}
END_TEST

START_TEST(the_texts_of_a_request_are_copied_and_encoded)
{
    char user[] = "b:{%";
    char device[] = "a phone";
    struct page_request request = {
        .user = text_of(user), .start = PAGE_FROM_CURSOR, .device = text_of(device), ENTRIES(9)};
    const struct text cursor[] = {TEXT("HSET"), TEXT("parley:cursor:{b%3A%7B%25}"),
                                  TEXT("a%20phone"), TEXT("1-1")};

    mailbox_add(&world, "parley:mailbox:{b%3A%7B%25}", "1-1", "x");
    mailbox_add(&world, "parley:mailbox:{b%3A%7B%25}", "2-1", "y");
    world_ask_with(&world, cursor, 4);
    const struct page_seen *seen = page_ask(&world, &request);
    ck_assert_uint_eq(seen->count, 1);
    ck_assert_str_eq(seen->bodies[0], "y");
}
END_TEST

START_TEST(entries_without_a_body_have_none)
{
    world_ask(&world, "XADD " MAILBOX " 1-1 peer m x y");
    world_ask(&world, "XADD " MAILBOX " 2-1 peer alice m body");
    mailbox_add(&world, MAILBOX, "3-1", "");
    const struct page_seen *seen = page_behind(&world, (struct message_id){0});
    ck_assert_uint_eq(seen->count, 3);
    ck_assert(!seen->has_body[0]);
    ck_assert(seen->has_body[1]);
    ck_assert_str_eq(seen->bodies[1], "body");
    ck_assert(seen->has_body[2]);
    ck_assert_str_eq(seen->bodies[2], "");
}
END_TEST

/* Numbers of 64 bits are more than Lua's hold. */
START_TEST(ids_are_compared_exactly)
{
    static const struct message_id HIGHEST = {UINT64_MAX, UINT64_MAX};
    const struct message_id large = {9007199254740993, 9007199254740993};
    struct message_id before = large;
    struct message_id behind = large;

    mailbox_add(&world, MAILBOX, "9007199254740993-9007199254740993", "x");
    before.seq--;
    behind.seq++;
    ck_assert_int_eq(page_behind(&world, before)->gap, PAGE_GAP);
    ck_assert_uint_eq(page_behind(&world, before)->count, 1);
    assert_nothing(page_behind(&world, large), PAGE_NO_GAP, large);
    ck_assert_int_eq(page_behind(&world, behind)->gap, PAGE_RESET);
    ck_assert_int_eq(page_behind(&world, ((struct message_id){9, UINT64_MAX}))->gap, PAGE_GAP);
    ck_assert_int_eq(page_behind(&world, HIGHEST)->gap, PAGE_RESET);
    mailbox_add(&world, MAILBOX, "18446744073709551615-18446744073709551615", "y");
    assert_nothing(page_behind(&world, HIGHEST), PAGE_NO_GAP, HIGHEST);
}
END_TEST

/* ---- From a cursor ---- */

START_TEST(a_device_goes_on_at_its_cursor)
{
    mailbox_fill(&world, 1, 5);
    world_ask(&world, "HSET " CURSOR " phone 3-1 laptop 4-1 idle 0-0");
    assert_page(page_of_device(&world, "phone"), PAGE_NO_GAP, 3, 4, 5);
    assert_page(page_of_device(&world, "laptop"), PAGE_NO_GAP, 4, 5, 5);
    world_ask(&world, "XTRIM " MAILBOX " MAXLEN 1");
    assert_page(page_of_device(&world, "phone"), PAGE_GAP, 3, 5, 5);
    assert_page(page_of_device(&world, "idle"), PAGE_GAP, 0, 5, 5);
    world_ask(&world, "HSET " CURSOR " phone 6-1");
    assert_page(page_of_device(&world, "phone"), PAGE_RESET, 0, 5, 5);
}
END_TEST

START_TEST(a_device_that_was_never_here_reads_all_there_is_and_misses_nothing)
{
    assert_nothing(page_of_device(&world, "new"), PAGE_NO_GAP, (struct message_id){0});
    mailbox_fill(&world, 1, 5);
    world_ask(&world, "XTRIM " MAILBOX " MAXLEN 2");
    world_ask(&world, "HSET " CURSOR " phone 3-1");
    assert_page(page_of_device(&world, "new"), PAGE_NO_GAP, 0, 4, 5);
}
END_TEST

START_TEST(a_cursor_that_is_no_id_counts_as_none_and_is_logged)
{
    static const char *const WRONG[] = {"",
                                        "x",
                                        "5",
                                        "-",
                                        "5-",
                                        "-5",
                                        "3-01",
                                        "03-1",
                                        "3-1 ",
                                        "3-1-1",
                                        "+3-1",
                                        "0x3-1",
                                        "3-1\n",
                                        "3_1",
                                        "18446744073709551616-0",
                                        "1-18446744073709551616"};

    mailbox_fill(&world, 1, 5);
    log_begin(&world);
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
        char device[16];
        char line[96];

        snprintf(device, sizeof(device), "device-%zu", i);
        snprintf(line, sizeof(line), "event=cursor_invalid user=bob device=%s\n", device);
        const struct text args[] = {TEXT("HSET"), TEXT(CURSOR), text_of(device), text_of(WRONG[i])};
        world_ask_with(&world, args, 4);
        assert_page(page_of_device(&world, device), PAGE_NO_GAP, 0, 1, 5);
        ck_assert_msg(log_count(&world, line) == 1, "%s", WRONG[i]);
    }
    assert_page(page_of_device(&world, "new"), PAGE_NO_GAP, 0, 1, 5);
    ck_assert(log_count(&world, "device=new") == 0);
}
END_TEST

START_TEST(cursors_of_another_type_count_as_none_and_are_logged)
{
    mailbox_fill(&world, 1, 2);
    world_ask(&world, "SET " CURSOR " text");
    log_begin(&world);
    assert_page(page_of_device(&world, "phone"), PAGE_NO_GAP, 0, 1, 2);
    ck_assert(log_count(&world, "event=cursor_invalid user=bob device=phone"));
}
END_TEST

START_TEST(cursors_that_may_not_be_read_are_refused)
{
    const struct page_request request = {
        .user = TEXT("bob"), .start = PAGE_FROM_CURSOR, .device = TEXT("phone"), ENTRIES(1)};

    mailbox_fill(&world, 1, 2);
    world_ask(&world, "ACL SETUSER default -hget");
    ck_assert_int_eq(page_ask(&world, &request)->outcome, BROKER_REFUSED);
}
END_TEST

/* ---- What may go wrong ---- */

START_TEST(a_mailbox_of_another_type_is_read_as_empty_and_logged)
{
    const struct page_request carol = {.user = TEXT("carol"), ENTRIES(9)};
    const struct page_request bob = {.user = TEXT("bob"), ENTRIES(9)};

    world_ask(&world, "SET " MAILBOX " text");
    log_begin(&world);
    const struct page_seen *page = page_ask(&world, &bob);
    ck_assert_int_eq(page->outcome, BROKER_ANSWERED);
    ck_assert_uint_eq(page->count, 0);
    ck_assert(page->is_last);
    ck_assert(log_count(&world, "event=mailbox_foreign user=bob"));
    ck_assert_int_eq(page_ask(&world, &carol)->outcome, BROKER_ANSWERED);
    ck_assert_uint_eq(world.downs, 0);
}
END_TEST

START_TEST(a_redis_that_takes_no_writes_is_read_all_the_same)
{
    mailbox_fill(&world, 1, 3);
    world_ask(&world, "CONFIG SET maxmemory 1");
    assert_page(page_behind(&world, ID(1)), PAGE_NO_GAP, 1, 2, 3);
    world_ask(&world, "CONFIG SET maxmemory 0");
    world_ask(&world, "CONFIG SET min-replicas-to-write 1");
    assert_page(page_behind(&world, ID(1)), PAGE_NO_GAP, 1, 2, 3);
}
END_TEST

START_TEST(without_redis_nothing_is_read)
{
    const struct page_request request = {.user = TEXT("bob"), ENTRIES(9)};

    redis_kill(&world.server);
    WORLD_UNTIL(&world, world.downs == 1);
    ck_assert_int_eq(page_ask(&world, &request)->outcome, BROKER_NOT_SENT);
}
END_TEST

Suite *pages_suite(void)
{
    Suite *suite = suite_create("pages");
    TCase *reading = tcase_create("reading");

    tcase_add_test(reading, what_is_stored_behind_the_position_is_read);
    tcase_add_test(reading,
                   a_page_has_as_many_entries_as_were_asked_for_and_knows_whether_it_is_the_last);
    tcase_add_test(reading, a_page_ends_where_the_next_entry_might_have_no_room);
    tcase_add_test(reading, the_texts_of_a_request_are_copied_and_encoded);
    tcase_add_test(reading, entries_without_a_body_have_none);
    tcase_add_test(reading, ids_are_compared_exactly);
    tcase_add_test(reading, a_device_goes_on_at_its_cursor);
    tcase_add_test(reading, a_device_that_was_never_here_reads_all_there_is_and_misses_nothing);
    tcase_add_test(reading, a_cursor_that_is_no_id_counts_as_none_and_is_logged);
    tcase_add_test(reading, cursors_of_another_type_count_as_none_and_are_logged);
    tcase_add_test(reading, cursors_that_may_not_be_read_are_refused);
    tcase_add_test(reading, a_mailbox_of_another_type_is_read_as_empty_and_logged);
    tcase_add_test(reading, a_redis_that_takes_no_writes_is_read_all_the_same);
    tcase_add_test(reading, without_redis_nothing_is_read);
    tcase_add_checked_fixture(reading, setup, teardown);
    tcase_set_timeout(reading, 60);
    suite_add_tcase(suite, reading);
    return suite;
}
