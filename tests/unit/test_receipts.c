/* What a pong proves: session.h's positions, and session/receipts.h. */
#include "session/receipts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "session/registry.h"
#include "unit.h"

static struct loop *loop;
static struct keepalive *keepalive;
static struct registry *registry;
static struct buffer *frame;
static struct session *session;
static unsigned wakes;
static enum close_code closed;

static void ignore_session(void *arg, struct session *other)
{
    (void)arg;
    (void)other;
}

static void ignore_user(void *arg, struct text user)
{
    (void)arg;
    (void)user;
}

static void ignore_empty(void *arg)
{
    (void)arg;
}

static void ignore_link(struct keepalive_link *link)
{
    (void)link;
}

static void wake(void *connection)
{
    (void)connection;
    wakes++;
}

static void on_close(void *connection, enum close_code code)
{
    (void)connection;
    closed = code;
    loop_stop(loop);
}

static void open_session(bool acks)
{
    static const struct session_transport transport = {.wake = wake, .close = on_close};
    const struct session_identity identity = {
        .users = {TEXT("a"), TEXT("b")},
        .user_count = 2,
        .device = TEXT("pair:a:b"),
        .acks = acks,
    };

    session = registry_open(registry, &identity, &transport, NULL);
    session_set_live(session);
}

static void set_up(void)
{
    static const struct registry_events events = {ignore_session, ignore_user, ignore_user,
                                                  ignore_empty, NULL};

    loop = loop_new();
    keepalive = keepalive_new(loop, 0, 1000, ignore_link, ignore_link);
    registry = registry_new(loop, keepalive, 1000, &events);
    frame = buffer_new("0123456789", 10);
    open_session(false);
}

static void tear_down(void)
{
    buffer_unref(frame);
    registry_free(registry);
    keepalive_free(keepalive);
    loop_settle_uv(loop);
    loop_free(loop);
}

static void give(size_t user, uint64_t ms)
{
    ck_assert(session_give(session, user, (struct message_id){ms, 0}, true, frame));
}

/* The number of the ping that is written now; 0: none is wanted. */
static uint64_t ping(void)
{
    char payload[RECEIPT_PAYLOAD_MAX];
    struct text number = session_take_ping(session, payload);
    uint64_t result = 0;

    ck_assert(number.len == 0 || text_to_number(number, UINT32_MAX, &result));
    return result;
}

static bool pong(uint64_t number)
{
    char payload[24];

    snprintf(payload, sizeof(payload), "%llu", (unsigned long long)number);
    return session_pong(session, text_of(payload));
}

START_TEST(pong_acknowledges_what_was_written_before_its_ping)
{
    give(0, 5);
    ck_assert_uint_eq(ping(), 0); /* nothing is written yet */
    session_wrote(session);
    uint64_t number = ping();
    ck_assert_uint_gt(number, 0);
    give(0, 6);
    give(1, 7);
    session_wrote(session);
    ck_assert(pong(number));
    ck_assert_uint_eq(session_arrived(session, 0).ms, 5);
    ck_assert_uint_eq(session_arrived(session, 1).ms, 0);
    ck_assert(!pong(number)); /* it has told all that it can */
}
END_TEST

START_TEST(only_the_last_of_several_pongs_need_come)
{
    give(0, 5);
    session_wrote(session);
    (void)ping();
    session_want_ping(session); /* as the keepalive does */
    give(1, 6);
    session_wrote(session);
    uint64_t second = ping();
    ck_assert(pong(second));
    ck_assert_uint_eq(session_arrived(session, 0).ms, 5);
    ck_assert_uint_eq(session_arrived(session, 1).ms, 6);
}
END_TEST

START_TEST(unknown_payload_proves_nothing)
{
    give(0, 5);
    session_wrote(session);
    uint64_t number = ping();
    ck_assert(!session_pong(session, TEXT("")));
    ck_assert(!session_pong(session, TEXT("hello")));
    ck_assert(!pong(number + 1));
    ck_assert(!session_pong(session, TEXT("99999999999999999999999")));
    ck_assert_uint_eq(session_arrived(session, 0).ms, 0);
}
END_TEST

START_TEST(what_is_queued_is_not_acknowledged_by_what_was_passed)
{
    give(0, 5);
    session_pass(session, 0, (struct message_id){6, 0});
    session_want_ping(session);
    uint64_t number = ping();
    ck_assert(!pong(number)); /* 5 was not written */
    session_wrote(session);
    session_want_ping(session);
    ck_assert(pong(ping()));
    ck_assert_uint_eq(session_arrived(session, 0).ms, 6);
}
END_TEST

START_TEST(passing_alone_is_acknowledged_too)
{
    session_pass(session, 1, (struct message_id){6, 0});
    ck_assert(pong(ping()));
    ck_assert_uint_eq(session_arrived(session, 1).ms, 6);
}
END_TEST

START_TEST(second_ping_comes_a_second_after_the_first)
{
    give(0, 5);
    session_wrote(session);
    ck_assert_uint_gt(ping(), 0);
    give(0, 6);
    session_wrote(session);
    ck_assert_uint_eq(ping(), 0);
}
END_TEST

START_TEST(position_that_begins_anew_is_not_acknowledged_by_older_pings)
{
    give(0, 50);
    session_wrote(session);
    uint64_t number = ping();
    session_begin_at(session, 0, (struct message_id){0, 0});
    (void)pong(number);
    ck_assert_uint_eq(session_arrived(session, 0).ms, 0);
}
END_TEST

START_TEST(what_was_queued_before_a_position_began_anew_is_none_of_its_ids)
{
    give(0, 50);
    give(1, 60);
    session_begin_at(session, 0, (struct message_id){0, 0});
    give(0, 3);
    session_wrote(session);
    session_wrote(session);
    session_want_ping(session);
    ck_assert(pong(ping()));
    ck_assert_uint_eq(session_arrived(session, 0).ms, 0);
    ck_assert_uint_eq(session_arrived(session, 1).ms, 60);
    session_wrote(session);
    session_want_ping(session);
    ck_assert(pong(ping()));
    ck_assert_uint_eq(session_arrived(session, 0).ms, 3);
}
END_TEST

START_TEST(session_that_acknowledges_itself_is_not_pinged_for_it)
{
    session_gone(session);
    open_session(true);
    give(0, 5);
    session_wrote(session);
    ck_assert_uint_eq(ping(), 0);
    session_want_ping(session);
    ck_assert(!pong(ping()));
    ck_assert_uint_eq(session_arrived(session, 0).ms, 0);
}
END_TEST

START_TEST(leaving_waits_for_the_last_pong)
{
    give(0, 5);
    session_leave(session);
    ck_assert_int_eq(session_state(session), SESSION_LIVE);
    ck_assert(!session_give(session, 0, (struct message_id){6, 0}, true, frame));
    session_wrote(session);
    uint64_t number = ping();
    ck_assert_uint_gt(number, 0);
    ck_assert(pong(number));
    ck_assert_int_eq(closed, CLOSE_GOING_AWAY);
    ck_assert_uint_eq(session_arrived(session, 0).ms, 5);
}
END_TEST

START_TEST(leaving_does_not_wait_for_ever)
{
    give(0, 5);
    session_wrote(session);
    session_leave(session);
    ck_assert_int_eq(session_state(session), SESSION_LIVE);
    loop_run(loop); /* until on_close() */
    ck_assert_int_eq(closed, CLOSE_GOING_AWAY);
}
END_TEST

START_TEST(who_never_answers_is_not_pinged_without_end)
{
    for (unsigned i = 1; i <= 100; i++) {
        give(0, i);
        session_wrote(session);
        session_want_ping(session);
        (void)ping();
    }
    ck_assert(pong(16));
    ck_assert_uint_eq(session_arrived(session, 0).ms, 16);
    session_want_ping(session);
    ck_assert(pong(ping())); /* and goes on where it was */
    ck_assert_uint_eq(session_arrived(session, 0).ms, 100);
}
END_TEST

/* Nobody would hear its pong, nor free what is noted beside the ping. */
START_TEST(closing_session_is_not_pinged)
{
    give(0, 5);
    session_want_ping(session);
    session_close(session, CLOSE_GOING_AWAY);
    session_wrote(session);
    ck_assert_uint_eq(ping(), 0);
}
END_TEST

START_TEST(answers_have_room_that_messages_have_not)
{
    unsigned count = 0;

    while (session_give(session, 0, (struct message_id){++count, 0}, true, frame)) {
    }
    ck_assert_uint_eq(session_room(session), 0);
    ck_assert_uint_eq(session_position(session, 0).ms, count - 1);
    ck_assert(!session_push_signal(session, frame));
    ck_assert(session_push(session, frame));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("receipts");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, pong_acknowledges_what_was_written_before_its_ping);
    tcase_add_test(tests, only_the_last_of_several_pongs_need_come);
    tcase_add_test(tests, unknown_payload_proves_nothing);
    tcase_add_test(tests, what_is_queued_is_not_acknowledged_by_what_was_passed);
    tcase_add_test(tests, passing_alone_is_acknowledged_too);
    tcase_add_test(tests, second_ping_comes_a_second_after_the_first);
    tcase_add_test(tests, position_that_begins_anew_is_not_acknowledged_by_older_pings);
    tcase_add_test(tests, what_was_queued_before_a_position_began_anew_is_none_of_its_ids);
    tcase_add_test(tests, session_that_acknowledges_itself_is_not_pinged_for_it);
    tcase_add_test(tests, leaving_waits_for_the_last_pong);
    tcase_add_test(tests, leaving_does_not_wait_for_ever);
    tcase_add_test(tests, who_never_answers_is_not_pinged_without_end);
    tcase_add_test(tests, closing_session_is_not_pinged);
    tcase_add_test(tests, answers_have_room_that_messages_have_not);
    return unit_run("receipts", tests);
}
