/* The lease, the beats and the schema: what keeps the broker down, and what brings it back. What
 * needs a Redis that lies is in tests/system/beats.test.mjs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/beat.h"
#include "broker/internal.h"
#include "world.h"

static struct world world;
static char before[64]; /* an incarnation that was */

static void begin(void)
{
    world_begin(&world);
}

static void clear(void)
{
    world_clear(&world);
}

static const char *incarnation(void)
{
    static char name[64];
    struct text text = broker_incarnation(world.broker);

    snprintf(name, sizeof(name), "%.*s", (int)text.len, text.at);
    return name;
}

static void remember_incarnation(void)
{
    snprintf(before, sizeof(before), "%s", incarnation());
}

/* The score of a gateway, or -1. */
static int64_t expiry_of(const char *name)
{
    const struct text args[] = {TEXT("ZSCORE"), TEXT("parley:gateways"), text_of(name)};
    const redisReply *score = world_ask_with(&world, args, 3);

    return score->type == REDIS_REPLY_STRING ? strtoll(score->str, NULL, 10) : -1;
}

static void set_expiry(const char *name, int64_t expiry_ms)
{
    char number[24];

    snprintf(number, sizeof(number), "%lld", (long long)expiry_ms);
    const struct text args[] = {TEXT("ZADD"), TEXT("parley:gateways"), text_of(number),
                                text_of(name)};
    world_ask_with(&world, args, 4);
}

static int64_t redis_now_ms(void)
{
    const redisReply *time = world_ask(&world, "TIME");
    return strtoll(time->element[0]->str, NULL, 10) * 1000 +
           strtoll(time->element[1]->str, NULL, 10) / 1000;
}

static void assert_trouble(const char *words)
{
    struct builder trouble;

    builder_init(&trouble, SIZE_MAX);
    broker_append_trouble(world.broker, &trouble);
    builder_append_char(&trouble, '\0');
    ck_assert_msg(strstr(trouble.data, words) != NULL, "'%s' has no '%s'", trouble.data, words);
    builder_clear(&trouble);
}

/* ---- The lease ---- */

START_TEST(the_lease_stands_in_redis_and_expires_by_its_clock)
{
    ck_assert_int_eq(strncmp(incarnation(), "gateway-1-", strlen("gateway-1-")), 0);
    ck_assert_uint_eq(strlen(incarnation()), strlen("gateway-1-") + 8);
    ck_assert_int_eq(world_ask(&world, "ZCARD parley:gateways")->integer, 1);
    int64_t left_ms = expiry_of(incarnation()) - redis_now_ms();
    ck_assert_int_gt(left_ms, 0);
    ck_assert_int_le(left_ms, LEASE_MS);
}
END_TEST

START_TEST(each_beat_renews_the_lease)
{
    int64_t first = expiry_of(incarnation());

    WORLD_UNTIL(&world, expiry_of(incarnation()) > first);
    ck_assert_int_ge(expiry_of(incarnation()), first + BEAT_MS - 500);
    ck_assert_uint_eq(world.downs, 0);
}
END_TEST

START_TEST(the_living_are_known_and_the_dead_are_not)
{
    const struct lease *lease = broker_lease(world.broker);
    int64_t now_ms = redis_now_ms();

    ck_assert(lease_is_live(lease, broker_incarnation(world.broker)));
    ck_assert(!lease_is_live(lease, TEXT("living-1")));
    set_expiry("living-1", now_ms + 60000);
    set_expiry("expired-1", now_ms - 1);
    set_expiry("dead:gone-1", now_ms + 60000);
    WORLD_UNTIL(&world, lease_is_live(lease, TEXT("living-1")));
    ck_assert(!lease_is_live(lease, TEXT("expired-1")));
    ck_assert(!lease_is_live(lease, TEXT("dead:gone-1")));
    ck_assert(!lease_is_live(lease, TEXT("gone-1")));
    ck_assert(!lease_is_live(lease, TEXT("living")));
    ck_assert(lease_list_has(lease_others(lease), TEXT("expired-1")));
    ck_assert(lease_list_has(lease_others(lease), TEXT("dead:gone-1")));
    ck_assert(!lease_list_has(lease_others(lease), TEXT("living-1")));

    world_ask(&world, "ZREM parley:gateways living-1");
    WORLD_UNTIL(&world, !lease_is_live(lease, TEXT("living-1")));
}
END_TEST

/* Its users were offline meanwhile: somebody has to be told that they are back. */
START_TEST(a_lease_that_expired_is_not_renewed)
{
    remember_incarnation();
    set_expiry(before, 1);
    WORLD_UNTIL(&world, world.downs == 1);
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_str_ne(incarnation(), before);
    WORLD_UNTIL(&world, expiry_of(before) == -1);
    WORLD_UNTIL(&world, world_ask(&world, "ZCARD parley:gateways")->integer == 1);
}
END_TEST

START_TEST(a_lease_that_is_gone_makes_a_new_incarnation)
{
    remember_incarnation();
    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    world_ask(&world, "DEL parley:gateways parley:schema");
    WORLD_UNTIL(&world, world.downs == 1);
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_str_ne(incarnation(), before);
    ck_assert_int_eq(expiry_of(before), -1);
    ck_assert_int_gt(expiry_of(incarnation()), 0);
    ck_assert_str_eq(world_ask(&world, "GET parley:schema")->str, "1 durable");

    /* The own channel moved, on the same connection: nobody was subscribed anew. */
    const redisReply *channels = world_ask(&world, "PUBSUB CHANNELS parley:gateway:*");
    ck_assert_uint_eq(channels->elements, 1);
    ck_assert_str_eq(channels->element[0]->str, world_own_channel(&world));
    ck_assert(broker_is_subscribed(world.broker, BROKER_USER, TEXT("bob")));
    ck_assert_uint_eq(world.subscribed, 1);
}
END_TEST

START_TEST(a_name_that_is_taken_is_not_claimed)
{
    world_init(&world);
    world_start_redis(&world, NULL);
    world_start_broker(&world);
    /* Before the broker's loop has run at all. */
    remember_incarnation();
    set_expiry(before, 1);
    WORLD_UNTIL(&world, world.ups == 1);
    ck_assert_str_ne(incarnation(), before);
    ck_assert_int_eq(expiry_of(before), 1);
    ck_assert_uint_eq(world.downs, 0);
}
END_TEST

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

START_TEST(stopping_gives_the_lease_back_last)
{
    struct accepted accepted;
    bool stopped = false;

    redisContext *monitor = redis_client(&world.server);
    freeReplyObject(redisCommandArgv(monitor, 1, (const char *[]){"MONITOR"}, NULL));
    world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted);
    broker_stop(world.broker, on_stopped, &stopped);
    WORLD_UNTIL(&world, stopped);
    ck_assert_int_eq(accepted.result.outcome, BROKER_ANSWERED);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:gateways")->integer, 0);

    char last[256] = ""; /* of the broker: what was monitored before our question */
    for (bool ours = false; !ours;) {
        redisReply *line = NULL;
        ck_assert_int_eq(redisGetReply(monitor, (void **)&line), REDIS_OK);
        ours = strstr(line->str, "EXISTS") != NULL;
        if (!ours)
            snprintf(last, sizeof(last), "%s", line->str);
        freeReplyObject(line);
    }
    ck_assert_msg(strstr(last, "\"ZREM\"") != NULL, "%s", last);
    redisFree(monitor);
}
END_TEST

/* ---- Beats ---- */

START_TEST(a_redis_that_is_full_keeps_gateways_alive_and_lets_them_connect)
{
    world_ask(&world, "CONFIG SET maxmemory 1");
    int64_t first = expiry_of(incarnation());
    WORLD_UNTIL(&world, expiry_of(incarnation()) > first);
    ck_assert_uint_eq(world.downs, 0);
    world_ask(&world, "CLIENT KILL TYPE normal SKIPME yes");
    WORLD_UNTIL(&world, world.ups == 2);
}
END_TEST

START_TEST(a_replica_is_no_redis_to_work_with)
{
    broker_subscribe(world.broker, BROKER_USER, TEXT("bob"));
    WORLD_UNTIL(&world, world.subscribed == 1);
    remember_incarnation();
    world_ask(&world, "REPLICAOF 127.0.0.1 1");
    WORLD_UNTIL(&world, world.downs == 1);
    WORLD_UNTIL(&world, world.subscribed == 2); /* the other connection was made anew too */
    ck_assert(!broker_is_up(world.broker));
    world_ask(&world, "REPLICAOF NO ONE");
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_str_ne(incarnation(), before);
}
END_TEST

START_TEST(a_lease_that_is_refused_is_not_held)
{
    world_ask(&world, "DEL parley:gateways");
    world_ask(&world, "SET parley:gateways text");
    WORLD_UNTIL(&world, world.downs == 1);
    assert_trouble("lease");
    world_ask(&world, "DEL parley:gateways");
    WORLD_UNTIL(&world, world.ups == 2);
}
END_TEST

/* What an operator takes away, an operator gives back: nothing is connected anew meanwhile. */
START_TEST(beats_that_are_refused_keep_the_broker_down)
{
    static const char *const USER[] = {"--user", "alice", "on",    ">secret",
                                       "~*",     "&*",    "+@all", NULL};
    char address[96];

    world_init(&world);
    world_start_redis(&world, USER);
    redis_address_clear(&world.address);
    snprintf(address, sizeof(address), "redis://alice:secret@127.0.0.1:%d", world.server.port);
    ck_assert(redis_address_parse(&world.address, address));
    world_start_broker(&world);
    WORLD_UNTIL(&world, world.ups == 1);

    world_ask(&world, "ACL SETUSER alice -publish");
    WORLD_UNTIL(&world, world.downs == 1);
    assert_trouble("beat");
    world_ask(&world, "ACL SETUSER alice +publish");
    WORLD_UNTIL(&world, world.ups == 2);
}
END_TEST

START_TEST(what_others_say_on_the_own_channel_is_no_beat)
{
    static const char *const FOREIGN[] = {"",       "beat",    "beat ",       "beat x",
                                          "beat 0", "beat 01", "beat 999999", "x"};

    for (size_t i = 0; i < sizeof(FOREIGN) / sizeof(*FOREIGN); i++) {
        const struct text args[] = {TEXT("PUBLISH"), text_of(world_own_channel(&world)),
                                    text_of(FOREIGN[i])};
        ck_assert_int_eq(world_ask_with(&world, args, 3)->integer, 1);
    }
    /* A later beat is heard as usual: a number from the future would have hidden it. */
    world_ask(&world, "CLIENT KILL TYPE pubsub");
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_uint_eq(world.downs, 1);
}
END_TEST

/* ---- The schema ---- */

START_TEST(the_schema_is_written_once)
{
    ck_assert_str_eq(world_ask(&world, "GET parley:schema")->str, "1 durable");
    world_ask(&world, "CLIENT KILL TYPE normal SKIPME yes");
    WORLD_UNTIL(&world, world.ups == 2);
    ck_assert_str_eq(world_ask(&world, "GET parley:schema")->str, "1 durable");
}
END_TEST

START_TEST(another_schema_keeps_the_broker_down_until_it_is_mended)
{
    static const struct {
        const char *set;
        const char *words;
    } OTHERS[] = {
        {"SET parley:schema 2-live", "the schema in Redis is \"2-live\""},
        {"SET parley:schema \xff\xfe", "not UTF-8"},
        {"SETRANGE parley:schema 300 x", "nothing like a schema"},
        {"LPUSH parley:schema x", "a key of the type list"},
    };
    struct accepted accepted;

    world_init(&world);
    world_start_redis(&world, NULL);
    world_ask(&world, OTHERS[_i].set);
    world_start_broker(&world);
    WORLD_UNTIL(&world, world_calls(&world, "eval") >= 3); /* it tries again and again */
    assert_trouble(OTHERS[_i].words);
    assert_trouble("1 durable");
    ck_assert_uint_eq(world.ups, 0);
    ck_assert_int_eq(world_ask(&world, "EXISTS parley:gateways")->integer, 0);
    world_accept(&world, TEXT("bob"), TEXT("x}"), &accepted);
    WORLD_UNTIL(&world, accepted.fired == 1);
    ck_assert_int_eq(accepted.result.outcome, BROKER_NOT_SENT);

    world_ask(&world, "DEL parley:schema");
    WORLD_UNTIL(&world, world.ups == 1);
    struct builder trouble;
    builder_init(&trouble, SIZE_MAX);
    broker_append_trouble(world.broker, &trouble);
    ck_assert_uint_eq(trouble.len, 0);
    builder_clear(&trouble);
}
END_TEST

Suite *beats_suite(void)
{
    Suite *suite = suite_create("beats");
    TCase *plain = tcase_create("unix socket");
    TCase *own = tcase_create("a start of its own");

    tcase_set_timeout(plain, 60);
    tcase_add_checked_fixture(plain, begin, clear);
    tcase_add_test(plain, the_lease_stands_in_redis_and_expires_by_its_clock);
    tcase_add_test(plain, each_beat_renews_the_lease);
    tcase_add_test(plain, the_living_are_known_and_the_dead_are_not);
    tcase_add_test(plain, a_lease_that_expired_is_not_renewed);
    tcase_add_test(plain, a_lease_that_is_gone_makes_a_new_incarnation);
    tcase_add_test(plain, stopping_gives_the_lease_back_last);
    tcase_add_test(plain, a_redis_that_is_full_keeps_gateways_alive_and_lets_them_connect);
    tcase_add_test(plain, a_replica_is_no_redis_to_work_with);
    tcase_add_test(plain, a_lease_that_is_refused_is_not_held);
    tcase_add_test(plain, what_others_say_on_the_own_channel_is_no_beat);
    tcase_add_test(plain, the_schema_is_written_once);
    suite_add_tcase(suite, plain);

    tcase_set_timeout(own, 60);
    tcase_add_checked_fixture(own, NULL, clear);
    tcase_add_test(own, a_name_that_is_taken_is_not_claimed);
    tcase_add_test(own, beats_that_are_refused_keep_the_broker_down);
    tcase_add_loop_test(own, another_schema_keeps_the_broker_down_until_it_is_mended, 0, 4);
    suite_add_tcase(suite, own);
    return suite;
}
