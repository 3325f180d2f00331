#include "router/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "unit.h"

#define MAX_MESSAGE 2000
#define MESSAGE                                                                                    \
    "{\"type\":\"message\",\"id\":\"1700000000123-4\",\"ts\":1700000000123,\"sender\":\"alice\","  \
    "\"receiver\":\"bob\",\"content\":1}"
#define SIGNAL "{\"type\":\"typing\",\"sender\":\"alice\",\"receiver\":\"bob\"}"

static struct loop *loop;
static struct keepalive *keepalive;
static struct registry *registry;
static struct feed *feed;
static struct deliver *deliver;

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

static void ignore_wake(void *connection)
{
    (void)connection;
}

static void ignore_close(void *connection, enum close_code code)
{
    (void)connection;
    (void)code;
}

static struct session *open_session(const char *user, const char *other)
{
    static const struct session_transport transport = {.wake = ignore_wake, .close = ignore_close};
    struct session_identity identity = {
        .users = {text_of(user), text_of(other)},
        .user_count = other == NULL ? 1 : 2,
        .device = TEXT("default"),
        .pair = other != NULL,
    };

    struct session *session = registry_open(registry, &identity, &transport, NULL);

    feed_begin(feed, session);
    return session;
}

static void assert_got(struct session *session, const char *frame)
{
    ck_assert_uint_eq(session_output(session)->count, 1);
    ck_assert(
        text_equal(buffer_text(output_front(session_output(session))->frame), text_of(frame)));
}

static void session_left(void *arg, struct session *session)
{
    (void)arg;
    feed_left(feed, session);
}

static void session_started(void *arg, struct session *session, const struct feed_start *start)
{
    (void)arg;
    (void)start;
    session_set_live(session);
}

/* With --delivery live: what needs no mailbox. */
static void set_up(void)
{
    static const struct registry_events events = {session_left, ignore_user, ignore_user,
                                                  ignore_empty, NULL};

    loop = loop_new();
    keepalive = keepalive_new(loop, 0, 1000, ignore_link, ignore_link);
    registry = registry_new(loop, keepalive, 4 * strlen(MESSAGE) / 3 + 4, &events);
    feed = feed_new(loop, &(struct feed_settings){.registry = registry,
                                                  .max_message = MAX_MESSAGE,
                                                  .started = session_started});
    deliver = deliver_new(registry, feed, MAX_MESSAGE);
}

static void tear_down(void)
{
    deliver_free(deliver);
    registry_free(registry);
    keepalive_free(keepalive);
    feed_free(feed);
    loop_settle_uv(loop);
    loop_free(loop);
}

START_TEST(message_goes_to_all_sessions_of_its_user_as_one_buffer)
{
    struct session *one = open_session("bob", NULL);
    struct session *two = open_session("bob", NULL);
    struct session *other = open_session("carol", NULL);

    deliver_published(deliver, TEXT("bob"), TEXT(MESSAGE));
    assert_got(one, MESSAGE);
    assert_got(two, MESSAGE);
    ck_assert_uint_eq(session_output(other)->count, 0);
    ck_assert_uint_eq(buffer_references(output_front(session_output(one))->frame), 2);
}
END_TEST

START_TEST(pair_session_gets_messages_and_no_signals)
{
    struct session *pair = open_session("alice", "bob");

    deliver_published(deliver, TEXT("bob"), TEXT(SIGNAL));
    ck_assert_uint_eq(session_output(pair)->count, 0);
    deliver_published(deliver, TEXT("bob"), TEXT(MESSAGE));
    assert_got(pair, MESSAGE);
}
END_TEST

START_TEST(a_read_is_withheld_from_the_session_that_it_names)
{
    struct session *reader = open_session("bob", NULL);
    struct session *other = open_session("bob", NULL);
    struct text name = session_name(reader);
    char read[128];

    snprintf(read, sizeof(read),
             "{\"type\":\"read\",\"session\":\"%.*s\",\"sender\":\"bob\",\"receiver\":\"a\","
             "\"id\":\"1-2\"}",
             (int)name.len, name.at);
    deliver_published(deliver, TEXT("bob"), text_of(read));
    ck_assert_uint_eq(session_output(reader)->count, 0);
    assert_got(other, read);
}
END_TEST

START_TEST(session_with_no_room_for_a_message_is_closed_as_slow)
{
    struct session *bob = open_session("bob", NULL);

    deliver_published(deliver, TEXT("bob"), TEXT(MESSAGE));
    deliver_published(deliver, TEXT("bob"), TEXT(MESSAGE));
    ck_assert_int_eq(session_state(bob), SESSION_CLOSING);
    ck_assert_int_eq(session_close_code(bob), CLOSE_SLOW);
}
END_TEST

START_TEST(signal_without_room_is_dropped_and_the_session_stays)
{
    struct session *bob = open_session("bob", NULL);

    deliver_published(deliver, TEXT("bob"), TEXT(MESSAGE));
    deliver_published(deliver, TEXT("bob"), TEXT(SIGNAL));
    ck_assert_int_eq(session_state(bob), SESSION_LIVE);
    assert_got(bob, MESSAGE);
}
END_TEST

START_TEST(foreign_frame_is_passed_on_as_it_is)
{
    static const char foreign[] = " {\"content\":2, \"type\":\"message\"}";
    struct session *bob = open_session("bob", NULL);

    deliver_published(deliver, TEXT("bob"), TEXT(foreign));
    assert_got(bob, foreign);
}
END_TEST

START_TEST(what_no_client_should_see_is_dropped)
{
    struct session *bob = open_session("bob", NULL);
    struct builder long_frame; /* JSON may end in blanks */

    deliver_published(deliver, TEXT("bob"), TEXT("hello"));
    deliver_published(deliver, TEXT("bob"), TEXT(""));
    deliver_published(deliver, TEXT("bob"), TEXT("{\"type\":\"welcome\"}"));
    deliver_published(deliver, TEXT("bob"), TEXT("{\"type\":\"message\"} x"));
    builder_init(&long_frame, SIZE_MAX);
    builder_printf(&long_frame, "%-*s", MAX_MESSAGE + 1100, SIGNAL);
    deliver_published(deliver, TEXT("bob"), builder_text(&long_frame));
    builder_clear(&long_frame);
    ck_assert_uint_eq(session_output(bob)->count, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("deliver");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, message_goes_to_all_sessions_of_its_user_as_one_buffer);
    tcase_add_test(tests, pair_session_gets_messages_and_no_signals);
    tcase_add_test(tests, a_read_is_withheld_from_the_session_that_it_names);
    tcase_add_test(tests, session_with_no_room_for_a_message_is_closed_as_slow);
    tcase_add_test(tests, signal_without_room_is_dropped_and_the_session_stays);
    tcase_add_test(tests, foreign_frame_is_passed_on_as_it_is);
    tcase_add_test(tests, what_no_client_should_see_is_dropped);
    return unit_run("deliver", tests);
}
