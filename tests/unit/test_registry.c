#include "session/registry.h"

#include <stdlib.h>

#include <check.h>

#include "session/internal.h"
#include "unit.h"

static struct loop *loop;
static struct keepalive *keepalive;
static struct registry *registry;
static struct builder story; /* what the registry and the sessions' transport were told */

static void tell(const char *what, struct text user)
{
    builder_append_string(&story, what);
    builder_append(&story, user);
    builder_append_char(&story, ' ');
}

static void left(void *arg, struct session *session)
{
    (void)arg;
    tell("left:", session_user(session, 0));
}

static void first(void *arg, struct text user)
{
    (void)arg;
    tell("+", user);
}

static void last(void *arg, struct text user)
{
    (void)arg;
    tell("-", user);
}

static void empty(void *arg)
{
    (void)arg;
    tell("empty", TEXT(""));
}

static void wake(void *connection)
{
    tell("wake:", text_of(connection));
}

static void close_connection(void *connection, enum close_code code)
{
    tell("close:", text_of(connection));
    ck_assert_int_ne(code, 0);
}

static void read_connection(void *connection, bool on)
{
    tell(on ? "read:" : "wait:", text_of(connection));
}

static const struct session_transport transport = {
    .wake = wake, .close = close_connection, .read = read_connection};

static void ignore(struct keepalive_link *link)
{
    (void)link;
}

static struct session *open_session(const char *user, const char *other, const char *connection)
{
    struct session_identity identity = {
        .users = {text_of(user), text_of(other)},
        .user_count = other == NULL ? 1 : 2,
        .device = TEXT("default"),
        .pair = other != NULL,
    };

    return registry_open(registry, &identity, &transport, (void *)(uintptr_t)connection);
}

#define ASSERT_STORY(expected)                                                                     \
    do {                                                                                           \
        ck_assert(text_equal(builder_text(&story), text_of(expected)));                            \
        builder_reset(&story);                                                                     \
    } while (0)

static void set_up(void)
{
    static const struct registry_events events = {left, first, last, empty, NULL};

    loop = loop_new();
    keepalive = keepalive_new(loop, 60000, 60000, ignore, ignore);
    registry = registry_new(loop, keepalive, 100, &events);
    builder_init(&story, 1000);
}

static void tear_down(void)
{
    registry_free(registry);
    keepalive_free(keepalive);
    loop_settle_uv(loop); /* frees what is gone */
    loop_free(loop);
    builder_clear(&story);
}

START_TEST(first_and_last_session_of_a_user_are_told)
{
    struct session *one = open_session("bob", NULL, "1");
    struct session *two = open_session("bob", NULL, "2");

    ASSERT_STORY("+bob ");
    session_gone(one);
    ASSERT_STORY("left:bob ");
    session_gone(two);
    ASSERT_STORY("left:bob -bob empty ");
}
END_TEST

START_TEST(pair_session_is_listed_under_both_ids)
{
    struct session *pair = open_session("a", "b", "pair");

    ASSERT_STORY("+a +b ");
    ck_assert(session_has_user(pair, TEXT("a")));
    ck_assert(session_has_user(pair, TEXT("b")));
    ck_assert(!session_has_user(pair, TEXT("c")));
    session_gone(pair);
    ASSERT_STORY("left:a -a -b empty ");
}
END_TEST

START_TEST(closing_leaves_the_users_at_once_and_the_number_until_gone)
{
    struct session *session = open_session("bob", NULL, "1");
    uint64_t number = session_number(session);

    builder_reset(&story);
    session_close(session, CLOSE_GOING_AWAY);
    ASSERT_STORY("left:bob -bob close:1 ");
    session_close(session, CLOSE_SLOW);
    ASSERT_STORY("");
    ck_assert_int_eq(session_close_code(session), CLOSE_GOING_AWAY);
    ck_assert_ptr_eq(registry_find(registry, number), session);
    session_gone(session);
    ck_assert_ptr_null(registry_find(registry, number));
}
END_TEST

START_TEST(numbers_are_never_given_again)
{
    struct session *one = open_session("bob", NULL, "1");
    uint64_t number = session_number(one);

    session_gone(one);
    ck_assert_uint_ne(session_number(open_session("bob", NULL, "2")), number);
}
END_TEST

static void close_it(void *arg, struct session *session)
{
    (void)arg;
    session_close(session, CLOSE_SLOW);
}

START_TEST(visitor_may_close_every_session_it_is_given)
{
    for (int i = 0; i < 3; i++)
        (void)open_session("bob", NULL, "x");
    builder_reset(&story);
    registry_each_of_user(registry, TEXT("bob"), close_it, NULL);
    ASSERT_STORY("left:bob close:x left:bob close:x left:bob -bob close:x ");
}
END_TEST

START_TEST(push_wakes_and_a_full_or_closing_session_refuses)
{
    struct session *session = open_session("bob", NULL, "1");
    struct buffer *frame = buffer_new("0123456789", 10);

    builder_reset(&story);
    for (int i = 0; i < 10; i++)
        ck_assert(session_push(session, frame));
    ck_assert(!session_push(session, frame)); /* 110 bytes, the limit is 100 */
    session_close(session, CLOSE_SLOW);
    ck_assert_uint_eq(buffer_references(frame), 1); /* a slow session's queue is dropped */
    ck_assert(!session_push(session, frame));
    buffer_unref(frame);
}
END_TEST

START_TEST(what_is_queued_survives_an_orderly_close)
{
    struct session *session = open_session("bob", NULL, "1");
    struct buffer *frame = buffer_new("x", 1);

    ck_assert(session_push(session, frame));
    session_close(session, CLOSE_GOING_AWAY);
    ck_assert_uint_eq(session_output(session)->count, 1);
    buffer_unref(frame);
}
END_TEST

START_TEST(leaving_session_is_closed_behind_its_last_answer)
{
    struct session *idle = open_session("alice", NULL, "1");
    struct session *asking = open_session("bob", NULL, "2");

    session_ask(asking);
    session_ask(asking);
    builder_reset(&story);
    session_leave(idle);
    session_leave(asking);
    ASSERT_STORY("left:alice -alice close:1 ");
    session_answered(asking);
    ck_assert(session_is_leaving(asking));
    ASSERT_STORY("");
    session_answered(asking);
    ASSERT_STORY("left:bob -bob close:2 ");
    ck_assert_int_eq(session_close_code(asking), CLOSE_GOING_AWAY);
}
END_TEST

START_TEST(answers_do_not_close_a_session_that_stays)
{
    struct session *session = open_session("bob", NULL, "1");

    session_ask(session);
    session_answered(session);
    ck_assert_int_eq(session_state(session), SESSION_OPENING);
}
END_TEST

/* To the end of the turn, where a pause begins. */
static void end_turn(void)
{
    loop_settle_uv(loop);
}

START_TEST(who_is_paused_is_read_again_in_order_when_resumed)
{
    struct session *one = open_session("bob", NULL, "1");
    struct session *two = open_session("bob", NULL, "2");

    (void)open_session("bob", NULL, "3");
    builder_reset(&story);
    session_pause(two);
    session_pause(one);
    session_pause(two);
    ASSERT_STORY("");
    end_turn();
    ASSERT_STORY("wait:2 wait:1 ");
    session_pause(one);
    end_turn();
    ASSERT_STORY("");
    registry_resume(registry);
    ASSERT_STORY("read:2 read:1 ");
    registry_resume(registry);
    ASSERT_STORY("");
}
END_TEST

START_TEST(a_pause_that_is_over_in_its_turn_never_began)
{
    struct session *session = open_session("bob", NULL, "1");

    builder_reset(&story);
    session_pause(session);
    registry_resume(registry);
    end_turn();
    ASSERT_STORY("");
}
END_TEST

START_TEST(who_is_paused_is_out_of_the_keepalive)
{
    struct session *session = open_session("bob", NULL, "1");

    session_pause(session);
    ck_assert_ptr_nonnull(session->keepalive.queue);
    end_turn();
    ck_assert_ptr_null(session->keepalive.queue);
    registry_resume(registry);
    ck_assert_ptr_nonnull(session->keepalive.queue);
}
END_TEST

START_TEST(who_closes_while_paused_is_read_so_that_the_goodbye_is_heard)
{
    struct session *closing = open_session("bob", NULL, "1");
    struct session *gone = open_session("bob", NULL, "2");

    session_pause(closing);
    session_pause(gone);
    end_turn();
    builder_reset(&story);
    session_close(closing, CLOSE_GOING_AWAY);
    ASSERT_STORY("left:bob read:1 close:1 ");
    session_pause(closing);
    session_gone(gone);
    end_turn();
    ASSERT_STORY("left:bob -bob ");
    registry_resume(registry);
    ASSERT_STORY("");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("registry");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, first_and_last_session_of_a_user_are_told);
    tcase_add_test(tests, pair_session_is_listed_under_both_ids);
    tcase_add_test(tests, closing_leaves_the_users_at_once_and_the_number_until_gone);
    tcase_add_test(tests, numbers_are_never_given_again);
    tcase_add_test(tests, visitor_may_close_every_session_it_is_given);
    tcase_add_test(tests, push_wakes_and_a_full_or_closing_session_refuses);
    tcase_add_test(tests, what_is_queued_survives_an_orderly_close);
    tcase_add_test(tests, leaving_session_is_closed_behind_its_last_answer);
    tcase_add_test(tests, answers_do_not_close_a_session_that_stays);
    tcase_add_test(tests, who_is_paused_is_read_again_in_order_when_resumed);
    tcase_add_test(tests, a_pause_that_is_over_in_its_turn_never_began);
    tcase_add_test(tests, who_is_paused_is_out_of_the_keepalive);
    tcase_add_test(tests, who_closes_while_paused_is_read_so_that_the_goodbye_is_heard);
    return unit_run("registry", tests);
}
