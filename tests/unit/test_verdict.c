#include "parley/verdict.h"

#include <stdlib.h>

#include <check.h>

#include "unit.h"

#define SESSIONS_MAX 4

static struct user_session sessions[SESSIONS_MAX];
static struct verdict_facts facts;

static void begin(void)
{
    facts = (struct verdict_facts){
        .user = TEXT("bob"),
        .channel = TEXT("parley:user:{bob}"),
        .schema = SCHEMA_DURABLE,
        .live_gateways = 2,
        .sessions = sessions,
    };
}

static void clear(void)
{
    for (size_t i = 0; i < facts.session_count; i++)
        user_session_clear(&sessions[i]);
}

static void add_session(const char *field, enum census_lease lease, int64_t left_ms)
{
    struct user_session *session = &sessions[facts.session_count++];

    ck_assert(facts.session_count <= SESSIONS_MAX);
    *session = user_session_parse(text_of(field), TEXT("1795500159187 default"));
    session->lease = lease;
    session->left_ms = left_ms;
}

static void assert_verdict(const char *expected)
{
    struct builder out;

    builder_init(&out, 4096);
    verdict_append(&facts, &out);
    struct text text = builder_text(&out);
    ck_assert_msg(text_equal(text, text_of(expected)), "'%.*s' instead of '%s'", (int)text.len,
                  text.at, expected);
    builder_clear(&out);
}

START_TEST(as_many_subscribers_as_gateways_is_well)
{
    add_session("g1-0a/1", CENSUS_LIVE, 9000);
    add_session("g1-0a/2", CENSUS_LIVE, 9000);
    add_session("g2-0b/1", CENSUS_LIVE, 9000);
    facts.subscribers = 2;
    assert_verdict("bob receives: 3 sessions on 2 live gateways, 2 subscribers");
}
END_TEST

START_TEST(dead_sessions_beside_live_ones_change_nothing)
{
    add_session("g9-0a/1", CENSUS_EXPIRED, -4000);
    add_session("g1-0a/1", CENSUS_LIVE, 9000);
    facts.subscribers = 1;
    assert_verdict("bob receives: 1 session on 1 live gateway, 1 subscriber");
}
END_TEST

START_TEST(nobody_subscribed_is_the_gateways_fault)
{
    add_session("g1-0a/1", CENSUS_LIVE, 9000);
    assert_verdict("bob does not receive: registered, but nobody subscribes to parley:user:{bob}: "
                   "gateway g1-0a is not delivering; see its /readyz");
    add_session("g2-0b/1", CENSUS_LIVE, 9000);
    assert_verdict("bob does not receive: registered, but nobody subscribes to parley:user:{bob}: "
                   "gateways g1-0a, g2-0b are not delivering; see their /readyz");
}
END_TEST

START_TEST(too_few_and_too_many_subscribers_are_told)
{
    add_session("g1-0a/1", CENSUS_LIVE, 9000);
    add_session("g2-0b/1", CENSUS_LIVE, 9000);
    facts.subscribers = 1;
    assert_verdict("bob receives in part: 2 sessions on 2 live gateways, 1 subscriber; fewer than "
                   "gateways: not all of g1-0a, g2-0b deliver; see their /readyz");
    facts.subscribers = 3;
    assert_verdict("bob receives: 2 sessions on 2 live gateways, 3 subscribers; more than "
                   "gateways: somebody else watches parley:user:{bob}");
}
END_TEST

START_TEST(without_sessions_the_mailbox_waits)
{
    assert_verdict("bob does not receive: no session is registered; the mailbox is empty");
    facts.mailbox = 1;
    assert_verdict(
        "bob does not receive: no session is registered; 1 message waits in the mailbox");
    facts.mailbox = 3;
    assert_verdict(
        "bob does not receive: no session is registered; 3 messages wait in the mailbox");
    facts.live_gateways = 0;
    assert_verdict("bob does not receive: no session is registered, and no gateway is live; "
                   "3 messages wait in the mailbox");
}
END_TEST

START_TEST(a_subscriber_without_a_session_is_somebody_else)
{
    facts.subscribers = 1;
    assert_verdict("bob does not receive: no session is registered, but parley:user:{bob} has "
                   "1 subscriber: somebody watches it, or a session is just coming; the mailbox "
                   "is empty");
}
END_TEST

START_TEST(dead_gateways_say_how_they_are_dead)
{
    add_session("g1-0a/1", CENSUS_EXPIRED, -4200);
    assert_verdict("bob does not receive: registered on g1-0a, whose lease expired 4 s ago: it is "
                   "being cleaned up");
    facts.live_gateways = 0;
    assert_verdict("bob does not receive: registered on g1-0a, whose lease expired 4 s ago: no "
                   "live gateway is there to clean it up");
    sessions[0].lease = CENSUS_CLEANING;
    assert_verdict("bob does not receive: registered on g1-0a, which is dead: it is being cleaned "
                   "up");
    sessions[0].lease = CENSUS_NO_LEASE;
    facts.subscribers = 1;
    assert_verdict("bob does not receive: registered on g1-0a, which has no lease: left over, "
                   "until a gateway looks here; 1 subscriber all the same");
}
END_TEST

START_TEST(what_is_no_session_does_not_count)
{
    add_session("g1-0a", CENSUS_LIVE, 9000);
    ck_assert(sessions[0].is_strange);
    assert_verdict("bob does not receive: no session is registered; the mailbox is empty");
}
END_TEST

START_TEST(the_schema_comes_first)
{
    facts.schema = NULL;
    assert_verdict(
        "bob does not receive: no gateway was ever ready on this Redis with this prefix");
    add_session("g1-0a/1", CENSUS_LIVE, 9000);
    facts.subscribers = 1;
    facts.schema = "2 other";
    assert_verdict("bob does not receive from gateways of this version: the schema is "
                   "neither \"" SCHEMA_DURABLE "\" nor \"" SCHEMA_LIVE "\"");
}
END_TEST

START_TEST(users_are_written_as_in_keys)
{
    facts.user = TEXT("a b\x1b");
    assert_verdict("a%20b%1B does not receive: no session is registered; the mailbox is empty");
}
END_TEST

START_TEST(a_session_is_read_from_its_field_and_value)
{
    struct user_session session =
        user_session_parse(TEXT("host-1.x-0a1b2c3d/17"), TEXT("1795500159187 my old phone"));

    ck_assert(!session.is_strange);
    ck_assert(text_equal(session.incarnation, TEXT("host-1.x-0a1b2c3d")));
    ck_assert(text_equal(session.number, TEXT("17")));
    ck_assert(text_equal(session.device, TEXT("my old phone")));
    ck_assert_int_eq(session.since_ms, 1795500159187);
    user_session_clear(&session);
}
END_TEST

START_TEST(other_fields_and_values_are_strange)
{
    static const char *const FIELDS[][2] = {
        {"g1-0a/1", ""},       {"g1-0a/1", "17"},         {"g1-0a/1", "17 "},
        {"g1-0a/1", " phone"}, {"g1-0a/1", "phone 17"},   {"g1-0a/1", "-1 phone"},
        {"g1-0a", "17 phone"}, {"/1", "17 phone"},        {"g1-0a/", "17 phone"},
        {"", "17 phone"},      {"g1-0a/1/2", "17 phone"},
    };
    for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++) {
        struct user_session session =
            user_session_parse(text_of(FIELDS[i][0]), text_of(FIELDS[i][1]));

        ck_assert_msg(session.is_strange, "%s: %s", FIELDS[i][0], FIELDS[i][1]);
        ck_assert(!user_session_is_live(&session));
        user_session_clear(&session);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("verdict");

    tcase_add_checked_fixture(tests, begin, clear);
    tcase_add_test(tests, as_many_subscribers_as_gateways_is_well);
    tcase_add_test(tests, dead_sessions_beside_live_ones_change_nothing);
    tcase_add_test(tests, nobody_subscribed_is_the_gateways_fault);
    tcase_add_test(tests, too_few_and_too_many_subscribers_are_told);
    tcase_add_test(tests, without_sessions_the_mailbox_waits);
    tcase_add_test(tests, a_subscriber_without_a_session_is_somebody_else);
    tcase_add_test(tests, dead_gateways_say_how_they_are_dead);
    tcase_add_test(tests, what_is_no_session_does_not_count);
    tcase_add_test(tests, the_schema_comes_first);
    tcase_add_test(tests, users_are_written_as_in_keys);
    tcase_add_test(tests, a_session_is_read_from_its_field_and_value);
    tcase_add_test(tests, other_fields_and_values_are_strange);
    return unit_run("verdict", tests);
}
