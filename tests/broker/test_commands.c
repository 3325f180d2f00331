/* Commands: what is stored, published, refused; addresses and logins; the end. */
#include <stdio.h>
#include <string.h>

#include "world.h"

static struct world world;

static void begin(void)
{
    world_begin(&world);
}

static void clear(void)
{
    world_clear(&world);
}

static void assert_text(const redisReply *reply, struct text expected)
{
    ck_assert_int_eq(reply->type, REDIS_REPLY_STRING);
    ck_assert_uint_eq(reply->len, expected.len);
    ck_assert_mem_eq(reply->str, expected.at, expected.len);
}

START_TEST(accepting_stores_the_entry_and_publishes_head_and_body)
{
    struct accepted accepted;
    char id[MESSAGE_ID_TEXT_MAX];
    char frame[256];
    struct text body = TEXT("\"sender\":\"alice\",\"receiver\":\"bob\",\"content\":1.0}");

    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    world_accept_now(&world, TEXT("bob"), body, &accepted);
    ck_assert_int_eq(accepted.result.subscribers, 1);
    message_id_format(accepted.result.id, id);
    WORLD_UNTIL(&world, world.published == 1);
    snprintf(frame, sizeof(frame), "{\"type\":\"message\",\"id\":\"%s\",\"ts\":%llu,%.*s", id,
             (unsigned long long)accepted.result.id.ms, (int)body.len, body.at);
    ck_assert(text_equal(builder_text(&world.last_user), TEXT("bob")));
    ck_assert(text_equal(builder_text(&world.last_bytes), text_of(frame)));

    const redisReply *entries = world_ask(&world, "XRANGE parley:mailbox:{bob} - +");
    ck_assert_uint_eq(entries->elements, 1);
    assert_text(entries->element[0]->element[0], text_of(id));
    const redisReply *fields = entries->element[0]->element[1];
    const struct text expected[] = {TEXT("m"),     body,      TEXT("peer"),
                                    TEXT("alice"), TEXT("g"), TEXT("gateway-1"),
                                    TEXT("s"),     TEXT("7")};
    ck_assert_uint_eq(fields->elements, 8);
    for (size_t i = 0; i < 8; i++)
        assert_text(fields->element[i], expected[i]);
    const redisReply *ttl = world_ask(&world, "PTTL parley:mailbox:{bob}");
    ck_assert_int_gt(ttl->integer, 50000);
}
END_TEST

START_TEST(a_message_without_subscribers_is_stored_all_the_same)
{
    struct accepted accepted;

    world_accept_now(&world, TEXT("nobody"), TEXT("x}"), &accepted);
    ck_assert_int_eq(accepted.result.subscribers, 0);
    ck_assert_int_eq(world_ask(&world, "XLEN parley:mailbox:{nobody}")->integer, 1);
}
END_TEST

static void on_accepted(void *arg, const struct mailbox_accepted *accepted)
{
    ck_assert_int_eq(accepted->outcome, BROKER_ANSWERED);
    *(unsigned *)arg += 1;
}

START_TEST(a_mailbox_is_trimmed_and_without_a_time_to_live_stays)
{
    const struct mailbox_message message = {.receiver = TEXT("bob"), .body = TEXT("x}")};
    unsigned fired = 0;

    for (int i = 0; i < 500; i++)
        mailbox_accept(world.broker, &message, &(struct mailbox_bounds){10, 0, 1000}, on_accepted,
                       &fired);
    WORLD_UNTIL(&world, fired == 500);
    /* `~` leaves up to a node of the stream, 100 entries, more. */
    ck_assert_int_le(world_ask(&world, "XLEN parley:mailbox:{bob}")->integer, 110);
    ck_assert_int_eq(world_ask(&world, "PTTL parley:mailbox:{bob}")->integer, -1);
}
END_TEST

START_TEST(ids_and_bodies_may_hold_any_byte)
{
    char user[255];
    char body[256];
    struct accepted accepted;

    for (int i = 0; i < 255; i++)
        user[i] = (char)(i + 1);
    for (int i = 0; i < 256; i++)
        body[i] = (char)i;
    struct text id = {user, sizeof(user)};
    struct text bytes = {body, sizeof(body)};

    broker_subscribe(world.broker, BROKER_USER, id);
    WORLD_UNTIL(&world, world.subscribed == 1);
    ck_assert(text_equal(builder_text(&world.last_user), id));
    world_accept_now(&world, id, bytes, &accepted);
    WORLD_UNTIL(&world, world.published == 1);
    ck_assert(text_equal(builder_text(&world.last_user), id));
    struct text frame = builder_text(&world.last_bytes);
    ck_assert_uint_gt(frame.len, bytes.len);
    ck_assert_mem_eq(frame.at + frame.len - bytes.len, body, bytes.len);

    broker_publish(world.broker, id, bytes);
    WORLD_UNTIL(&world, world.published == 2);
    ck_assert(text_equal(builder_text(&world.last_bytes), bytes));
}
END_TEST

START_TEST(an_error_of_redis_is_a_refusal)
{
    struct accepted accepted;

    world_ask(&world, "SET parley:mailbox:{bob} text");
    world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted);
    WORLD_UNTIL(&world, accepted.fired == 1);
    ck_assert_int_eq(accepted.result.outcome, BROKER_REFUSED);

    world_ask(&world, "CONFIG SET maxmemory 1");
    world_accept(&world, TEXT("carol"), TEXT("x}"), &accepted);
    WORLD_UNTIL(&world, accepted.fired == 1);
    ck_assert_int_eq(accepted.result.outcome, BROKER_REFUSED);
    world_ask(&world, "CONFIG SET maxmemory 0");
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:mailbox:{carol}")->integer, 0);

    world_accept_now(&world, TEXT("carol"), TEXT("x}"), &accepted);
    ck_assert(broker_is_up(world.broker));
}
END_TEST

START_TEST(scripts_are_loaded_again_after_script_flush)
{
    struct accepted accepted[100];
    long before = world_calls(&world, "script|load");

    for (int round = 0; round < 3; round++) {
        world_ask(&world, "SCRIPT FLUSH");
        for (size_t i = 0; i < 100; i++)
            world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted[i]);
        WORLD_UNTIL(&world, accepted[99].fired == 1);
        for (size_t i = 0; i < 100; i++) {
            ck_assert_uint_eq(accepted[i].fired, 1);
            ck_assert_int_eq(accepted[i].result.outcome, BROKER_ANSWERED);
        }
    }
    ck_assert_int_eq(world_ask(&world, "XLEN parley:mailbox:{bob}")->integer, 300);
    /* One serves all hundred; a renewal of the lease may have needed its own. */
    long loads = world_calls(&world, "script|load") - before;
    ck_assert_int_ge(loads, 3);
    ck_assert_int_le(loads, 6);
}
END_TEST

START_TEST(more_commands_than_may_be_pending_are_not_sent)
{
    struct accepted accepted[WORLD_MAX_PENDING + 2];

    for (size_t i = 0; i < WORLD_MAX_PENDING + 2; i++)
        world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted[i]);
    WORLD_UNTIL(&world, accepted[WORLD_MAX_PENDING - 1].fired == 1);
    for (size_t i = 0; i < WORLD_MAX_PENDING + 2; i++) {
        ck_assert_uint_eq(accepted[i].fired, 1);
        ck_assert_int_eq(accepted[i].result.outcome,
                         i < WORLD_MAX_PENDING ? BROKER_ANSWERED : BROKER_NOT_SENT);
    }
    ck_assert_int_eq(world_ask(&world, "XLEN parley:mailbox:{bob}")->integer, WORLD_MAX_PENDING);
}
END_TEST

/* Both bounds: how many they are, and how long. */
START_TEST(congestion_begins_at_its_bound_and_ends_at_half_of_it)
{
    static char long_body[WORLD_CONGESTION_BYTES / 100];
    struct accepted accepted[WORLD_CONGESTION] = {0};
    size_t count = 0;

    memset(long_body, 'x', sizeof(long_body));
    do {
        ck_assert_uint_lt(count, WORLD_CONGESTION);
        world_accept(&world, TEXT("bob"),
                     _i == 0 ? TEXT("x}") : (struct text){long_body, sizeof(long_body)},
                     &accepted[count++]);
    } while (!broker_is_congested(world.broker));
    if (_i == 0)
        ck_assert_uint_eq(count, WORLD_CONGESTION);
    else
        ck_assert_uint_le(count, 100);
    ck_assert_uint_eq(world.relieved, 0);
    WORLD_UNTIL(&world, accepted[count - 1].fired == 1);
    ck_assert(!broker_is_congested(world.broker));
    ck_assert_uint_eq(world.relieved, 1);
}
END_TEST

START_TEST(losing_redis_ends_congestion)
{
    struct accepted accepted[WORLD_CONGESTION];

    redis_pause(&world.server);
    for (size_t i = 0; i < WORLD_CONGESTION; i++)
        world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted[i]);
    WORLD_UNTIL(&world, accepted[WORLD_CONGESTION - 1].fired == 1);
    ck_assert_int_eq(accepted[WORLD_CONGESTION - 1].result.outcome, BROKER_UNANSWERED);
    ck_assert(broker_is_congested(world.broker)); /* the late answers are still to come */
    redis_kill(&world.server);
    WORLD_UNTIL(&world, world.relieved == 1);
    ck_assert(!broker_is_congested(world.broker));
}
END_TEST

START_TEST(freeing_the_broker_fires_what_is_pending)
{
    struct accepted handed_over[3];
    struct accepted gathered[3];

    redis_pause(&world.server);
    for (size_t i = 0; i < 3; i++)
        world_accept(&world, TEXT("bob"), TEXT("x}"), &handed_over[i]);
    world_turn(&world);
    for (size_t i = 0; i < 3; i++)
        world_accept(&world, TEXT("bob"), TEXT("x}"), &gathered[i]);
    broker_free(world.broker);
    world.broker = NULL;
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(handed_over[i].fired, 1);
        ck_assert_int_eq(handed_over[i].result.outcome, BROKER_UNANSWERED);
        ck_assert_uint_eq(gathered[i].fired, 1);
        ck_assert_int_eq(gathered[i].result.outcome, BROKER_NOT_SENT);
    }
}
END_TEST

static void on_stopped(void *arg)
{
    struct world *stopped = arg;
    broker_free(stopped->broker);
    stopped->broker = NULL;
}

START_TEST(stopping_writes_out_what_was_gathered_and_waits_for_answers)
{
    struct accepted accepted;
    struct accepted late;

    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    broker_unsubscribe(world.broker, BROKER_USER, TEXT("bob"));
    broker_publish(world.broker, TEXT("bob"), TEXT("x"));
    world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted);
    broker_stop(world.broker, on_stopped, &world);
    ck_assert(!broker_is_up(world.broker));
    world_accept(&world, TEXT("bob"), TEXT("x}"), &late);

    WORLD_UNTIL(&world, world.broker == NULL);
    ck_assert_int_eq(accepted.result.outcome, BROKER_ANSWERED);
    ck_assert_uint_eq(late.fired, 1);
    ck_assert_int_eq(late.result.outcome, BROKER_NOT_SENT);
    ck_assert_uint_eq(world.downs, 0);
    /* Written, and read by Redis when it comes to that. */
    WORLD_UNTIL(&world, world_calls(&world, "unsubscribe") == 1);
    ck_assert_int_eq(world_ask(&world, "XLEN parley:mailbox:{bob}")->integer, 1);
}
END_TEST

START_TEST(stopping_does_not_wait_longer_than_the_time_out)
{
    struct accepted accepted;

    redis_pause(&world.server);
    world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted);
    broker_stop(world.broker, on_stopped, &world);
    WORLD_UNTIL(&world, world.broker == NULL);
    ck_assert_uint_eq(accepted.fired, 1);
    ck_assert_int_eq(accepted.result.outcome, BROKER_UNANSWERED);
}
END_TEST

/* Both ways to write the host: digits, and a name that /etc/hosts has. */
START_TEST(redis_is_reached_by_tcp)
{
    static const char *const HOSTS[] = {"127.0.0.1", "localhost"};
    struct accepted accepted;
    char address[64];

    world_init(&world);
    world_start_redis(&world, NULL);
    redis_address_clear(&world.address);
    snprintf(address, sizeof(address), "%s:%d", HOSTS[_i], world.server.port);
    ck_assert(redis_address_parse(&world.address, address));
    world_start_broker(&world);
    WORLD_UNTIL(&world, world.ups == 1);
    world_accept_now(&world, TEXT("bob"), TEXT("x}"), &accepted);
}
END_TEST

static const char *const ALICE[] = {"--user", "alice", "on", ">se%cret", "~*", "&*", "+@all", NULL};

START_TEST(user_password_and_database_are_used)
{
    struct accepted accepted;
    char address[96];

    world_init(&world);
    world_start_redis(&world, ALICE);
    redis_address_clear(&world.address);
    snprintf(address, sizeof(address), "redis://alice:se%%25cret@127.0.0.1:%d/3",
             world.server.port);
    ck_assert(redis_address_parse(&world.address, address));
    world_start_broker(&world);
    WORLD_UNTIL(&world, world.ups == 1);
    world_accept_now(&world, TEXT("bob"), TEXT("x}"), &accepted);
    ck_assert_int_eq(world_ask(&world, "XLEN parley:mailbox:{bob}")->integer, 0);
    world_ask(&world, "SELECT 3");
    ck_assert_int_eq(world_ask(&world, "XLEN parley:mailbox:{bob}")->integer, 1);
    const redisReply *clients = world_ask(&world, "CLIENT LIST TYPE pubsub");
    ck_assert_ptr_nonnull(strstr(clients->str, " user=alice "));
}
END_TEST

START_TEST(a_password_alone_is_the_default_users)
{
    static const char *const OPTIONS[] = {"--requirepass", "open sesame", NULL};
    char address[96];

    world_init(&world);
    world_start_redis(&world, OPTIONS);
    redis_address_clear(&world.address);
    snprintf(address, sizeof(address), "redis://:open%%20sesame@127.0.0.1:%d", world.server.port);
    ck_assert(redis_address_parse(&world.address, address));
    world_start_broker(&world);
    WORLD_UNTIL(&world, world.ups == 1);
}
END_TEST

START_TEST(a_wrong_password_is_tried_until_it_is_right)
{
    struct accepted accepted;
    char address[96];

    world_init(&world);
    world_start_redis(&world, ALICE);
    redis_address_clear(&world.address);
    snprintf(address, sizeof(address), "redis://alice:wrong@127.0.0.1:%d", world.server.port);
    ck_assert(redis_address_parse(&world.address, address));
    world_start_broker(&world);
    WORLD_UNTIL(&world, world_calls(&world, "auth") >= 4);
    world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted);
    WORLD_UNTIL(&world, accepted.fired == 1);
    ck_assert_int_eq(accepted.result.outcome, BROKER_NOT_SENT);
    ck_assert_uint_eq(world.ups + world.downs, 0);

    world_ask(&world, "ACL SETUSER alice >wrong");
    WORLD_UNTIL(&world, world.ups == 1);
}
END_TEST

Suite *commands_suite(void)
{
    Suite *suite = suite_create("commands");
    TCase *plain = tcase_create("unix socket");
    TCase *addresses = tcase_create("addresses");

    tcase_set_timeout(plain, 60);
    tcase_add_checked_fixture(plain, begin, clear);
    tcase_add_test(plain, accepting_stores_the_entry_and_publishes_head_and_body);
    tcase_add_test(plain, a_message_without_subscribers_is_stored_all_the_same);
    tcase_add_test(plain, a_mailbox_is_trimmed_and_without_a_time_to_live_stays);
    tcase_add_test(plain, ids_and_bodies_may_hold_any_byte);
    tcase_add_test(plain, an_error_of_redis_is_a_refusal);
    tcase_add_test(plain, scripts_are_loaded_again_after_script_flush);
    tcase_add_test(plain, more_commands_than_may_be_pending_are_not_sent);
    tcase_add_loop_test(plain, congestion_begins_at_its_bound_and_ends_at_half_of_it, 0, 2);
    tcase_add_test(plain, losing_redis_ends_congestion);
    tcase_add_test(plain, freeing_the_broker_fires_what_is_pending);
    tcase_add_test(plain, stopping_writes_out_what_was_gathered_and_waits_for_answers);
    tcase_add_test(plain, stopping_does_not_wait_longer_than_the_time_out);
    suite_add_tcase(suite, plain);

    tcase_set_timeout(addresses, 60);
    tcase_add_checked_fixture(addresses, NULL, clear);
    tcase_add_loop_test(addresses, redis_is_reached_by_tcp, 0, 2);
    tcase_add_test(addresses, user_password_and_database_are_used);
    tcase_add_test(addresses, a_password_alone_is_the_default_users);
    tcase_add_test(addresses, a_wrong_password_is_tried_until_it_is_right);
    suite_add_tcase(suite, addresses);
    return suite;
}
