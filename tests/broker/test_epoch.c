/* In which epoch Redis is (scripts/epoch.lua). */
#include <stdio.h>
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

/* What Redis says of itself is the broker's epoch. */
static void assert_epoch(void)
{
    struct text epoch = broker_epoch(world.broker);
    char line[80];

    ck_assert_uint_eq(epoch.len, 40);
    snprintf(line, sizeof(line), "master_replid:%.*s\r\n", (int)epoch.len, epoch.at);
    ck_assert_ptr_nonnull(strstr(world_ask(&world, "INFO replication")->str, line));
}

START_TEST(the_epoch_is_the_replication_id_and_another_one_after_a_restart)
{
    char before[41];

    assert_epoch();
    snprintf(before, sizeof(before), "%.40s", broker_epoch(world.broker).at);
    redis_kill(&world.server);
    WORLD_UNTIL(&world, world.downs == 1);
    redis_restart(&world.server);
    WORLD_UNTIL(&world, world.ups == 2);
    redisFree(world.client);
    world.client = NULL;
    assert_epoch();
    ck_assert(!text_equal(broker_epoch(world.broker), text_of(before)));
}
END_TEST

/* As a fail-over does it, to who is connected to the replica. */
START_TEST(the_epoch_is_another_one_after_a_promotion)
{
    char before[41];

    snprintf(before, sizeof(before), "%.40s", broker_epoch(world.broker).at);
    world_ask(&world, "REPLICAOF 127.0.0.1 1");
    WORLD_UNTIL(&world, world.downs == 1);
    world_ask(&world, "REPLICAOF NO ONE");
    WORLD_UNTIL(&world, world.ups == 2);
    assert_epoch();
    ck_assert(!text_equal(broker_epoch(world.broker), text_of(before)));
}
END_TEST

START_TEST(where_redis_does_not_tell_the_epoch_is_empty_and_everything_else_works)
{
    log_begin(&world);
    world_ask(&world, "ACL SETUSER default -info");
    for (unsigned i = 1; i <= 2; i++) {
        ck_assert_int_eq(world.downs, i - 1);
        world_ask(&world, "CLIENT KILL TYPE normal SKIPME yes");
        WORLD_UNTIL(&world, world.ups == i + 1);
        ck_assert_uint_eq(broker_epoch(world.broker).len, 0);
    }
    ck_assert_int_eq(page_behind(&world, ID(1))->gap, PAGE_RESET);
    ck_assert_int_eq(log_count(&world, "event=epoch_unknown"), 1);
    world_ask(&world, "ACL SETUSER default +info");
    world_ask(&world, "CLIENT KILL TYPE normal SKIPME yes");
    WORLD_UNTIL(&world, world.ups == 4);
    assert_epoch();
}
END_TEST

Suite *epoch_suite(void)
{
    Suite *suite = suite_create("epoch");
    TCase *epoch = tcase_create("epoch");

    tcase_add_checked_fixture(epoch, setup, teardown);
    tcase_set_timeout(epoch, 60);
    tcase_add_test(epoch, the_epoch_is_the_replication_id_and_another_one_after_a_restart);
    tcase_add_test(epoch, the_epoch_is_another_one_after_a_promotion);
    tcase_add_test(epoch, where_redis_does_not_tell_the_epoch_is_empty_and_everything_else_works);
    suite_add_tcase(suite, epoch);
    return suite;
}
