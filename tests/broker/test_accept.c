/* Accepting: refs, copies, and that what is refused leaves nothing behind; live delivery. */
#include <stdio.h>
#include <string.h>

#include "broker/live.h"
#include "world.h"

#define SESSION "0123456789abcdef"
#define OTHER_ID "18446744073709551615-18446744073709551615" /* the highest that a stream takes */

static struct world world;
static struct mailbox_message message; /* what the tests send, after changing it */

static void begin(void)
{
    world_begin(&world);
    message = (struct mailbox_message){
        .receiver = TEXT("bob"),
        .sender = TEXT("alice"),
        .body = TEXT("\"sender\":\"alice\",\"receiver\":\"bob\",\"content\":1}"),
        .gateway = TEXT("gateway-1"),
        .session = TEXT(SESSION),
        .ref = TEXT("r"),
        .copy = true,
    };
}

static void clear(void)
{
    world_clear(&world);
}

struct answer {
    unsigned fired;
    struct mailbox_accepted accepted;
    char refusal[160];
};

static void on_answer(void *arg, const struct mailbox_accepted *accepted)
{
    struct answer *answer = arg;

    answer->fired++;
    answer->accepted = *accepted;
    snprintf(answer->refusal, sizeof(answer->refusal), "%.*s", (int)accepted->copy_refusal.len,
             accepted->copy_refusal.at);
}

static struct answer send_message(void)
{
    const struct mailbox_bounds bounds = {.max_entries = 10, .ttl_ms = 60000, .ref_ttl_ms = 5000};
    struct answer answer = {0};

    mailbox_accept(world.broker, &message, &bounds, on_answer, &answer);
    WORLD_UNTIL(&world, answer.fired == 1);
    return answer;
}

static struct mailbox_accepted accept_as(enum mailbox_verdict verdict)
{
    struct answer answer = send_message();

    ck_assert_int_eq(answer.accepted.outcome, BROKER_ANSWERED);
    ck_assert_int_eq(answer.accepted.verdict, verdict);
    ck_assert_str_eq(answer.refusal, "");
    return answer.accepted;
}

static long long length(const char *mailbox)
{
    char command[64];

    snprintf(command, sizeof(command), "XLEN parley:mailbox:{%s}", mailbox);
    return world_ask(&world, command)->integer;
}

static bool is_same(struct message_id left, struct message_id right)
{
    return message_id_compare(left, right) == 0;
}

/* Nothing of the message is in Redis, and nobody heard of it. */
static void assert_refused(void)
{
    unsigned published = world.published;

    ck_assert_int_eq(send_message().accepted.outcome, BROKER_REFUSED);
    ck_assert_int_eq(length("bob"), 0);
    ck_assert_int_eq(world_ask(&world, "KEYS parley:mailbox:*")->elements, 0);
    ck_assert_uint_eq(world.published, published);
}

START_TEST(a_repeated_ref_has_the_same_id_and_does_nothing)
{
    struct mailbox_accepted first = accept_as(MAILBOX_ACCEPTED);
    struct mailbox_accepted again;

    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    again = accept_as(MAILBOX_REPEATED);
    ck_assert(is_same(again.id, first.id));
    ck_assert_int_eq(first.subscribers, 0);
    ck_assert_int_eq(again.subscribers, 1); /* as it is now */
    ck_assert_int_eq(length("bob"), 1);
    ck_assert_int_eq(length("alice"), 1);
    world_ask(&world, "PUBLISH parley:user:{bob} marker");
    WORLD_UNTIL(&world, world.published > 0);
    ck_assert(text_equal(builder_text(&world.last_bytes), TEXT("marker")));

    long long left = world_ask(&world, "PTTL parley:ref:{bob}:alice:r")->integer;
    ck_assert(left > 0 && left <= 5000);
}
END_TEST

START_TEST(a_ref_keeps_the_id_and_the_hash_of_the_bytes)
{
    char expected[128];
    char id[MESSAGE_ID_TEXT_MAX];

    message.body = TEXT("abc");
    message_id_format(accept_as(MAILBOX_ACCEPTED).id, id);
    /* FIPS 180-1, appendix A: the SHA-1 of "abc". */
    snprintf(expected, sizeof(expected), "%s a9993e364706816aba3e25717850c26c9cd0d89d", id);
    ck_assert_str_eq(world_ask(&world, "GET parley:ref:{bob}:alice:r")->str, expected);
}
END_TEST

START_TEST(other_bytes_under_the_same_ref_are_a_conflict)
{
    struct mailbox_accepted first = accept_as(MAILBOX_ACCEPTED);

    message.body = TEXT("\"sender\":\"alice\",\"receiver\":\"bob\",\"content\":1.0}");
    ck_assert(is_same(accept_as(MAILBOX_CONFLICT).id, first.id));
    ck_assert_int_eq(length("bob"), 1);
    ck_assert_int_eq(length("alice"), 1);
}
END_TEST

START_TEST(a_ref_is_of_one_sender_and_one_receiver)
{
    accept_as(MAILBOX_ACCEPTED);
    message.sender = TEXT("a");
    message.ref = TEXT("lice:r"); /* a:lice:r is not alice:r, nor a%3Alice:r */
    accept_as(MAILBOX_ACCEPTED);
    message.sender = TEXT("a:lice");
    message.ref = TEXT("r");
    accept_as(MAILBOX_ACCEPTED);
    message.receiver = TEXT("carol");
    accept_as(MAILBOX_ACCEPTED);
    ck_assert_int_eq(length("bob"), 3);
}
END_TEST

START_TEST(without_a_ref_nothing_is_kept_of_it)
{
    message.ref = TEXT("");
    accept_as(MAILBOX_ACCEPTED);
    accept_as(MAILBOX_ACCEPTED);
    ck_assert_int_eq(length("bob"), 2);
    ck_assert_uint_eq(world_ask(&world, "KEYS parley:ref:*")->elements, 0);
}
END_TEST

START_TEST(the_copy_is_in_the_senders_mailbox_and_channel)
{
    char id[MESSAGE_ID_TEXT_MAX];
    char body[256];
    char frame[320];

    broker_subscribe(world.broker, BROKER_USER, TEXT("alice"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    message.ref = TEXT("\"}");
    message_id_format(accept_as(MAILBOX_ACCEPTED).id, id);
    snprintf(body, sizeof(body),
             "\"copy\":{\"id\":\"%s\",\"session\":\"" SESSION "\",\"ref\":\"\\\"}\"},%.*s", id,
             (int)message.body.len, message.body.at);

    const redisReply *entry = world_ask(&world, "XRANGE parley:mailbox:{alice} - +")->element[0];
    const char *const fields[] = {"m", body, "peer", "bob", "g", "gateway-1", "s", SESSION};
    ck_assert_uint_eq(entry->element[1]->elements, 8);
    for (size_t i = 0; i < 8; i++)
        ck_assert_str_eq(entry->element[1]->element[i]->str, fields[i]);
    const char *own_id = entry->element[0]->str;
    snprintf(frame, sizeof(frame), "{\"type\":\"message\",\"id\":\"%s\",\"ts\":%.*s,%s", own_id,
             (int)strcspn(own_id, "-"), own_id, body);
    WORLD_UNTIL(&world, world.published == 1);
    ck_assert(text_equal(builder_text(&world.last_user), TEXT("alice")));
    ck_assert(text_equal(builder_text(&world.last_bytes), text_of(frame)));
    ck_assert_int_gt(world_ask(&world, "PTTL parley:mailbox:{alice}")->integer, 50000);

    message.ref = TEXT("");
    for (int i = 0; i < 300; i++)
        accept_as(MAILBOX_ACCEPTED);
    ck_assert_int_le(length("alice"), 110); /* `~`: up to a node, 100 entries, more */
    ck_assert_ptr_null(strstr(world_ask(&world, "XREVRANGE parley:mailbox:{alice} + - COUNT 1")
                                  ->element[0]
                                  ->element[1]
                                  ->element[1]
                                  ->str,
                              "\"ref\""));
}
END_TEST

START_TEST(without_a_copy_the_sender_has_nothing)
{
    message.copy = false;
    accept_as(MAILBOX_ACCEPTED);
    ck_assert_int_eq(length("bob"), 1);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:mailbox:{alice}")->integer, 0);
}
END_TEST

START_TEST(a_copy_that_is_refused_is_no_reason_to_refuse_the_message)
{
    static const char *const CAUSES[] = {
        "SET parley:mailbox:{alice} text",
        "XADD parley:mailbox:{alice} " OTHER_ID " m x",
        "ACL SETUSER default resetchannels &parley:gateway:* &parley:user:{bob}",
    };
    struct answer answer;

    world_ask(&world, CAUSES[_i]);
    answer = send_message();
    ck_assert_int_eq(answer.accepted.outcome, BROKER_ANSWERED);
    ck_assert_int_eq(answer.accepted.verdict, MAILBOX_ACCEPTED);
    ck_assert_str_ne(answer.refusal, "");
    ck_assert_int_eq(length("bob"), 1);
    ck_assert(is_same(accept_as(MAILBOX_REPEATED).id, answer.accepted.id));
}
END_TEST

START_TEST(what_is_refused_leaves_nothing)
{
    static const char *const CAUSES[] = {
        "LPUSH parley:ref:{bob}:alice:r x",
        "SET parley:ref:{bob}:alice:r x",
        "ACL SETUSER default resetchannels &parley:gateway:* &parley:user:{alice}",
        "ACL SETUSER default -publish",
        "ACL SETUSER default -pexpire",
        "ACL SETUSER default -set",
        "ACL SETUSER default -get",
        "ACL SETUSER default -xadd",
        "ACL SETUSER default -pubsub",
        "CONFIG SET maxmemory 1",
        "CONFIG SET min-replicas-to-write 1",
    };

    world_ask(&world, CAUSES[_i]);
    assert_refused();
    world_ask(&world, "ACL SETUSER default allchannels +@all");
    world_ask(&world, "CONFIG SET maxmemory 0");
    world_ask(&world, "CONFIG SET min-replicas-to-write 0");
    world_ask(&world, "DEL parley:ref:{bob}:alice:r");
    accept_as(MAILBOX_ACCEPTED); /* as if nothing had been */
}
END_TEST

START_TEST(a_receivers_mailbox_that_takes_nothing_leaves_nothing_either)
{
    world_ask(&world, "XADD parley:mailbox:{bob} " OTHER_ID " m x");
    ck_assert_int_eq(send_message().accepted.outcome, BROKER_REFUSED);
    world_ask(&world, "DEL parley:mailbox:{bob}");
    world_ask(&world, "LPUSH parley:mailbox:{bob} x");
    ck_assert_int_eq(send_message().accepted.outcome, BROKER_REFUSED);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:ref:{bob}:alice:r")->integer, 0);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:mailbox:{alice}")->integer, 0);
}
END_TEST

static struct answer publish_live(struct live *live)
{
    struct answer answer = {0};

    live_publish(live, &message, on_answer, &answer);
    WORLD_UNTIL(&world, answer.fired == 1);
    return answer;
}

START_TEST(live_stores_nothing_and_publishes_both_frames)
{
    struct live *live = live_new(world.broker);
    char id[MESSAGE_ID_TEXT_MAX];
    char end[256];
    struct answer answer;

    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    broker_subscribe(world.broker, BROKER_USER, TEXT("alice"));
    WORLD_UNTIL(&world, world.subscribed == 2);
    world_ask(&world, "CONFIG SET maxmemory 1"); /* a full Redis is no reason */
    answer = publish_live(live);
    ck_assert_int_eq(answer.accepted.outcome, BROKER_ANSWERED);
    ck_assert_int_eq(answer.accepted.verdict, MAILBOX_ACCEPTED);
    ck_assert_int_eq(answer.accepted.subscribers, 1);
    WORLD_UNTIL(&world, world.published == 2);
    ck_assert(text_equal(builder_text(&world.last_user), TEXT("alice")));
    message_id_format(answer.accepted.id, id);
    snprintf(end, sizeof(end),
             ",\"copy\":{\"id\":\"%s\",\"session\":\"" SESSION "\",\"ref\":\"r\"},%s", id,
             message.body.at);
    struct text bytes = builder_text(&world.last_bytes);
    ck_assert_uint_gt(bytes.len, strlen(end));
    ck_assert_mem_eq(bytes.at + bytes.len - strlen(end), end, strlen(end));
    ck_assert_uint_eq(world_ask(&world, "KEYS parley:mailbox:*")->elements, 0);
    ck_assert_uint_eq(world_ask(&world, "KEYS parley:ref:*")->elements, 0);
    live_free(live);
}
END_TEST

START_TEST(live_ids_grow_and_differ_between_gateways)
{
    struct live *one = live_new(world.broker);
    struct live *two = live_new(world.broker);
    struct answer answers[300] = {{0}};
    struct answer other = {0};

    message.copy = false;
    live_publish(two, &message, on_answer, &other);
    for (size_t i = 0; i < 300; i++)
        live_publish(one, &message, on_answer, &answers[i]); /* many in one millisecond */
    WORLD_UNTIL(&world, answers[299].fired == 1);
    for (size_t i = 0; i < 300; i++) {
        ck_assert(!is_same(answers[i].accepted.id, other.accepted.id));
        if (i > 0)
            ck_assert_int_gt(message_id_compare(answers[i].accepted.id, answers[i - 1].accepted.id),
                             0);
    }
    live_free(one);
    live_free(two);
}
END_TEST

START_TEST(live_tells_refusals_apart)
{
    struct live *live = live_new(world.broker);
    struct answer answer;

    world_ask(&world, "ACL SETUSER default resetchannels &parley:gateway:* &parley:user:{bob}");
    answer = publish_live(live);
    ck_assert_int_eq(answer.accepted.outcome, BROKER_ANSWERED);
    ck_assert_str_ne(answer.refusal, "");
    world_ask(&world, "ACL SETUSER default resetchannels &parley:gateway:* &parley:user:{alice}");
    ck_assert_int_eq(publish_live(live).accepted.outcome, BROKER_REFUSED);
    live_free(live);
}
END_TEST

Suite *accept_suite(void)
{
    Suite *suite = suite_create("accept");
    TCase *tests = tcase_create("accept");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, begin, clear);
    tcase_add_test(tests, a_repeated_ref_has_the_same_id_and_does_nothing);
    tcase_add_test(tests, a_ref_keeps_the_id_and_the_hash_of_the_bytes);
    tcase_add_test(tests, other_bytes_under_the_same_ref_are_a_conflict);
    tcase_add_test(tests, a_ref_is_of_one_sender_and_one_receiver);
    tcase_add_test(tests, without_a_ref_nothing_is_kept_of_it);
    tcase_add_test(tests, the_copy_is_in_the_senders_mailbox_and_channel);
    tcase_add_test(tests, without_a_copy_the_sender_has_nothing);
    tcase_add_loop_test(tests, a_copy_that_is_refused_is_no_reason_to_refuse_the_message, 0, 3);
    tcase_add_loop_test(tests, what_is_refused_leaves_nothing, 0, 11);
    tcase_add_test(tests, a_receivers_mailbox_that_takes_nothing_leaves_nothing_either);
    tcase_add_test(tests, live_stores_nothing_and_publishes_both_frames);
    tcase_add_test(tests, live_ids_grow_and_differ_between_gateways);
    tcase_add_test(tests, live_tells_refusals_apart);
    suite_add_tcase(suite, tests);
    return suite;
}
