/* What is told to be missing from a mailbox (scripts/page.lua). */
#include <stdio.h>

#include "mailbox_world.h"
#include "unit/seed.h"

static struct world world;

static void setup(void)
{
    world_begin(&world);
}

static void teardown(void)
{
    world_clear(&world);
}

START_TEST(a_position_that_was_trimmed_is_a_gap)
{
    mailbox_fill(&world, 1, 6);
    world_ask(&world, "XTRIM " MAILBOX " MAXLEN 3");
    assert_page(page_behind(&world, ID(2)), PAGE_GAP, 2, 4, 6);
    assert_page(page_behind(&world, ID(3)), PAGE_GAP, 3, 4, 6); /* nobody knows that it is whole */
    assert_page(page_behind(&world, ID(4)), PAGE_NO_GAP, 4, 5, 6);
}
END_TEST

START_TEST(who_has_the_last_id_misses_nothing_though_it_is_not_stored)
{
    mailbox_fill(&world, 1, 3);
    world_ask(&world, "XTRIM " MAILBOX " MAXLEN 0");
    assert_nothing(page_behind(&world, ID(3)), PAGE_NO_GAP, ID(3));
    assert_nothing(page_behind(&world, ID(2)), PAGE_GAP, ID(2));
}
END_TEST

START_TEST(from_0_0_it_is_a_gap_when_anything_is_gone)
{
    assert_nothing(page_behind(&world, (struct message_id){0}), PAGE_NO_GAP,
                   (struct message_id){0});
    mailbox_fill(&world, 1, 3);
    assert_page(page_behind(&world, (struct message_id){0}), PAGE_NO_GAP, 0, 1, 3);
    world_ask(&world, "XTRIM " MAILBOX " MAXLEN 2");
    assert_page(page_behind(&world, (struct message_id){0}), PAGE_GAP, 0, 2, 3);
}
END_TEST

START_TEST(when_redis_was_emptied_reading_begins_anew)
{
    mailbox_fill(&world, 1, 3);
    world_ask(&world, "FLUSHALL");
    const struct page_seen *seen = page_behind(&world, ID(2));
    assert_nothing(seen, PAGE_RESET, (struct message_id){0});
    assert_id(seen->last, (struct message_id){0});
    /* What came since has higher ids: then the position is only not stored. */
    mailbox_fill(&world, 7, 8);
    assert_page(page_behind(&world, ID(2)), PAGE_GAP, 2, 7, 8);
}
END_TEST

START_TEST(when_redis_is_older_than_the_position_reading_begins_anew)
{
    mailbox_fill(&world, 1, 3);
    assert_page(page_behind(&world, ID(4)), PAGE_RESET, 0, 1, 3);
    assert_page(page_behind(&world, ((struct message_id){3, 2})), PAGE_RESET, 0, 1, 3);
}
END_TEST

START_TEST(when_the_mailbox_has_expired_reading_begins_anew)
{
    mailbox_fill(&world, 1, 3);
    world_ask(&world, "PEXPIRE " MAILBOX " 1");
    WORLD_UNTIL(&world, world_ask(&world, "EXISTS " MAILBOX)->integer == 0);
    assert_nothing(page_behind(&world, ID(3)), PAGE_RESET, (struct message_id){0});
}
END_TEST

START_TEST(a_position_of_another_epoch_counts_only_while_it_is_stored)
{
    struct page_request request = {.user = TEXT("bob"), .position = ID(3), ENTRIES(9)};

    mailbox_fill(&world, 1, 6);
    assert_page(page_ask(&world, &request), PAGE_NO_GAP, 3, 4, 6);
    world_ask(&world, "XDEL " MAILBOX " 3-1");
    const struct page_seen *seen = page_ask(&world, &request);
    ck_assert_int_eq(seen->gap, PAGE_RESET);
    assert_id(seen->position, (struct message_id){0});
    ck_assert_uint_eq(seen->count, 5);
    /* Not even the last id, which would be no gap in this epoch. */
    world_ask(&world, "XDEL " MAILBOX " 6-1");
    request.position = ID(6);
    ck_assert_int_eq(page_ask(&world, &request)->gap, PAGE_RESET);
    request.same_epoch = true;
    ck_assert_int_eq(page_ask(&world, &request)->gap, PAGE_NO_GAP);
}
END_TEST

/* Who has nothing has nothing of another epoch; and a cursor is of the epoch of its mailbox. */
START_TEST(neither_0_0_nor_a_cursor_is_of_another_epoch)
{
    const struct page_request request = {.user = TEXT("bob"), ENTRIES(9)};

    assert_nothing(page_ask(&world, &request), PAGE_NO_GAP, (struct message_id){0});
    mailbox_fill(&world, 1, 3);
    assert_page(page_ask(&world, &request), PAGE_NO_GAP, 0, 1, 3);
    world_ask(&world, "HSET " CURSOR " phone 3-1");
    world_ask(&world, "XDEL " MAILBOX " 3-1");
    assert_nothing(page_of_device(&world, "phone"), PAGE_NO_GAP, ID(3));
}
END_TEST

/* What the mailbox ever had, by the number of its id. */
#define IDS_MAX 40
enum fate { NEVER, STORED, REMOVED };

static void change_mailbox(enum fate fates[IDS_MAX], unsigned *next)
{
    char command[64];
    unsigned id = 1 + random_below(*next);

    if (random_below(3) > 0 && *next < IDS_MAX) {
        mailbox_fill(&world, *next, *next);
        fates[*next] = STORED;
        *next += 1 + random_below(2);
    } else if (id >= *next || id >= IDS_MAX) {
        return;
    } else if (random_below(2) == 0) {
        snprintf(command, sizeof(command), "XDEL " MAILBOX " %u-1", id);
        world_ask(&world, command);
        fates[id] = fates[id] == STORED ? REMOVED : fates[id];
    } else {
        snprintf(command, sizeof(command), "XTRIM " MAILBOX " MINID %u-1", id);
        world_ask(&world, command);
        for (unsigned i = 0; i < id; i++)
            fates[i] = fates[i] == STORED ? REMOVED : fates[i];
    }
}

/* From this position, of an id that was given or of 0-0: everything that is stored, and what is not
 * any more is told. */
static void check_position(const enum fate fates[IDS_MAX], unsigned position)
{
    const struct page_seen *seen =
        page_behind(&world, position == 0 ? (struct message_id){0} : ID(position));
    size_t count = 0;
    bool is_missing = false;

    ck_assert_int_ne(seen->gap, PAGE_RESET);
    for (unsigned id = position + 1; id < IDS_MAX; id++) {
        is_missing = is_missing || fates[id] == REMOVED;
        if (fates[id] == STORED)
            assert_id(seen->ids[count++], ID(id));
    }
    ck_assert_uint_eq(seen->count, count);
    /* Behind a position that is stored XDEL removes without a trace; Parley only trims. */
    if (is_missing && fates[position] != STORED)
        ck_assert_int_eq(seen->gap, PAGE_GAP);
    if (!is_missing && fates[position] == STORED)
        ck_assert_int_eq(seen->gap, PAGE_NO_GAP);
}

START_TEST(whatever_was_removed_no_gap_is_left_out)
{
    seed_random();
    for (int round = 0; round < 20; round++) {
        enum fate fates[IDS_MAX] = {NEVER};
        unsigned next = 1;

        world_ask(&world, "DEL " MAILBOX);
        for (int i = 0; i < 60; i++) {
            unsigned position = random_below(next < IDS_MAX ? next : IDS_MAX);

            change_mailbox(fates, &next);
            if (position == 0 || fates[position] != NEVER)
                check_position(fates, position);
        }
    }
}
END_TEST
Suite *gaps_suite(void)
{
    Suite *suite = suite_create("gaps");
    TCase *gaps = tcase_create("gaps");

    tcase_add_test(gaps, a_position_that_was_trimmed_is_a_gap);
    tcase_add_test(gaps, who_has_the_last_id_misses_nothing_though_it_is_not_stored);
    tcase_add_test(gaps, from_0_0_it_is_a_gap_when_anything_is_gone);
    tcase_add_test(gaps, when_redis_was_emptied_reading_begins_anew);
    tcase_add_test(gaps, when_redis_is_older_than_the_position_reading_begins_anew);
    tcase_add_test(gaps, when_the_mailbox_has_expired_reading_begins_anew);
    tcase_add_test(gaps, a_position_of_another_epoch_counts_only_while_it_is_stored);
    tcase_add_test(gaps, neither_0_0_nor_a_cursor_is_of_another_epoch);
    tcase_add_test(gaps, whatever_was_removed_no_gap_is_left_out);

    tcase_add_checked_fixture(gaps, setup, teardown);
    tcase_set_timeout(gaps, 60);
    suite_add_tcase(suite, gaps);
    return suite;
}
