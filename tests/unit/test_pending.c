#include "broker/pending.h"

#include <stdlib.h>

#include <check.h>
#include <hiredis/hiredis.h>

#include "unit.h"

static struct pending_queue queue;

/* What one command was told. */
struct told {
    unsigned count;
    enum broker_outcome outcome;
    const struct redisReply *reply;
};

static struct told told[4];

static void begin(void)
{
    pending_init(&queue);
}

static void clear(void)
{
    pending_abandon(&queue, 0);
    ck_assert_uint_eq(queue.count, 0);
}

static void tell(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct told *mine = arg;
    mine->count++;
    mine->outcome = outcome;
    mine->reply = reply;
}

/* Command i ends at 10 * (i + 1) and was added at 100 * (i + 1). */
static void add(unsigned i)
{
    pending_add(&queue, UINT64_C(10) * (i + 1), INT64_C(100) * (i + 1), tell, &told[i]);
}

static void assert_told(unsigned i, enum broker_outcome outcome)
{
    ck_assert_uint_eq(told[i].count, 1);
    ck_assert_int_eq(told[i].outcome, outcome);
}

START_TEST(replies_go_to_the_commands_in_their_order)
{
    struct redisReply status = {.type = REDIS_REPLY_STATUS};
    struct redisReply error = {.type = REDIS_REPLY_ERROR};

    add(0);
    add(1);
    ck_assert(pending_answer(&queue, &status));
    assert_told(0, BROKER_ANSWERED);
    ck_assert_ptr_eq(told[0].reply, &status);
    ck_assert_uint_eq(told[1].count, 0);
    ck_assert(pending_answer(&queue, &error));
    assert_told(1, BROKER_REFUSED);
    ck_assert_ptr_eq(told[1].reply, &error);
    ck_assert(!pending_answer(&queue, &status));
}
END_TEST

START_TEST(an_overdue_command_is_told_once_and_swallows_its_reply)
{
    struct redisReply status = {.type = REDIS_REPLY_STATUS};

    add(0);
    add(1);
    add(2);
    pending_expire(&queue, 99);
    ck_assert_uint_eq(told[0].count, 0);
    pending_expire(&queue, 200);
    assert_told(0, BROKER_UNANSWERED);
    assert_told(1, BROKER_UNANSWERED);
    ck_assert_uint_eq(told[2].count, 0);
    ck_assert_uint_eq(queue.count, 3);
    ck_assert_int_eq(pending_first_ms(&queue), 100);
    ck_assert_int_eq(pending_waiting_ms(&queue), 300);

    for (int i = 0; i < 3; i++)
        ck_assert(pending_answer(&queue, &status));
    ck_assert_uint_eq(told[0].count + told[1].count, 2);
    assert_told(2, BROKER_ANSWERED);
    ck_assert_int_eq(pending_first_ms(&queue), INT64_MAX);
    ck_assert_int_eq(pending_waiting_ms(&queue), INT64_MAX);
}
END_TEST

START_TEST(abandoned_commands_may_have_run_only_when_handed_over_to_their_end)
{
    for (unsigned i = 0; i < 4; i++)
        add(i);
    pending_expire(&queue, 100);
    pending_abandon(&queue, 29); /* a byte of the third is missing */
    assert_told(0, BROKER_UNANSWERED);
    assert_told(1, BROKER_UNANSWERED);
    assert_told(2, BROKER_NOT_SENT);
    assert_told(3, BROKER_NOT_SENT);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_ptr_null(told[i].reply);
    ck_assert_ptr_null(queue.first);
}
END_TEST

START_TEST(its_bytes_are_those_between_the_oldest_and_the_newest)
{
    struct redisReply status = {.type = REDIS_REPLY_STATUS};

    ck_assert_uint_eq(pending_bytes(&queue), 0);
    add(0);
    add(1);
    ck_assert_uint_eq(pending_bytes(&queue), 20);
    pending_expire(&queue, 1000); /* told, and still to be answered */
    ck_assert_uint_eq(pending_bytes(&queue), 20);
    ck_assert(pending_answer(&queue, &status));
    ck_assert_uint_eq(pending_bytes(&queue), 10);
    pending_abandon(&queue, 0);
    ck_assert_uint_eq(pending_bytes(&queue), 0);
}
END_TEST

static void add_another(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    tell(arg, outcome, reply);
    add(1);
}

START_TEST(what_is_added_while_abandoning_stays)
{
    pending_add(&queue, 10, 100, add_another, &told[0]);
    pending_abandon(&queue, 0);
    assert_told(0, BROKER_NOT_SENT);
    ck_assert_uint_eq(told[1].count, 0);
    ck_assert_uint_eq(queue.count, 1);
}
END_TEST

static void abandon_all(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    tell(arg, outcome, reply);
    pending_abandon(&queue, 10);
}

START_TEST(a_callback_may_abandon_the_queue_while_it_expires)
{
    pending_add(&queue, 10, 100, abandon_all, &told[0]);
    add(1);
    pending_expire(&queue, 1000);
    assert_told(0, BROKER_UNANSWERED);
    assert_told(1, BROKER_NOT_SENT);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("pending");

    tcase_add_checked_fixture(tests, begin, clear);
    tcase_add_test(tests, replies_go_to_the_commands_in_their_order);
    tcase_add_test(tests, an_overdue_command_is_told_once_and_swallows_its_reply);
    tcase_add_test(tests, abandoned_commands_may_have_run_only_when_handed_over_to_their_end);
    tcase_add_test(tests, its_bytes_are_those_between_the_oldest_and_the_newest);
    tcase_add_test(tests, what_is_added_while_abandoning_stays);
    tcase_add_test(tests, a_callback_may_abandon_the_queue_while_it_expires);
    return unit_run("pending", tests);
}
