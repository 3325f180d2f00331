#include "auth/identity.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "unit.h"

static struct identity identity;
static struct identity_error error;
static struct builder words;

static bool read_all(const char *const *parameters, size_t count)
{
    struct text texts[8];

    for (size_t i = 0; i < count; i++)
        texts[i] = text_of(parameters[i]);
    return identity_read(&identity, texts, count, &error, &words);
}

#define READ(...)                                                                                  \
    read_all((const char *const[]){__VA_ARGS__},                                                   \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

#define ASSERT_TEXT(text, string) ck_assert(text_equal((text), text_of(string)))

static void set_up(void)
{
    builder_init(&words, 256);
}

static void tear_down(void)
{
    identity_clear(&identity);
    builder_clear(&words);
}

static void assert_refused(const char *code, const char *member)
{
    ck_assert_str_eq(error.code, code);
    ck_assert(text_starts_with(error.message, text_of(member)));
    ck_assert_ptr_null(identity.storage);
}

START_TEST(user_alone_has_the_default_device)
{
    ck_assert(READ("user=alice"));
    ck_assert(!identity.pair);
    ck_assert_uint_eq(identity.user_count, 1);
    ASSERT_TEXT(identity.users[0], "alice");
    ASSERT_TEXT(identity.device, "default");
}
END_TEST

START_TEST(device_is_taken_and_unknown_parameters_are_ignored)
{
    ck_assert(READ("nocache=1", "device=phone=2", "user=alice"));
    ASSERT_TEXT(identity.device, "phone=2");
}
END_TEST

START_TEST(device_of_pair_sessions_is_reserved)
{
    ck_assert(!READ("user=alice", "device=pair:a:b"));
    assert_refused("bad_request", "device");
}
END_TEST

START_TEST(two_ids_make_a_pair_session)
{
    ck_assert(READ("userB=b", "userA=a"));
    ck_assert(identity.pair);
    ck_assert_uint_eq(identity.user_count, 2);
    ASSERT_TEXT(identity.users[0], "a");
    ASSERT_TEXT(identity.users[1], "b");
    ASSERT_TEXT(identity.device, "pair:a:b");
}
END_TEST

START_TEST(one_id_of_a_pair_is_enough)
{
    ck_assert(READ("userB=b"));
    ck_assert(identity.pair);
    ck_assert_uint_eq(identity.user_count, 1);
    ASSERT_TEXT(identity.users[0], "b");
    ASSERT_TEXT(identity.device, "pair::b");
}
END_TEST

START_TEST(equal_ids_are_one_identity)
{
    ck_assert(READ("userA=a", "userB=a"));
    ck_assert_uint_eq(identity.user_count, 1);
}
END_TEST

START_TEST(no_two_pairs_share_a_device)
{
    ck_assert(READ("userA=a:b", "userB=c"));
    ASSERT_TEXT(identity.device, "pair:a%3Ab:c");
}
END_TEST

START_TEST(user_beside_a_pair_is_refused)
{
    ck_assert(!READ("userA=a", "user=b"));
    assert_refused("bad_request", "user");
}
END_TEST

START_TEST(parameter_given_twice_is_refused)
{
    ck_assert(!READ("userA=a", "userA=a"));
    assert_refused("bad_request", "userA");
}
END_TEST

START_TEST(missing_and_empty_users_are_refused)
{
    ck_assert(!identity_read(&identity, NULL, 0, &error, &words));
    assert_refused("bad_request", "user");
    ck_assert(!READ("user="));
    assert_refused("bad_request", "user");
    ck_assert(!READ("userA=a", "userB"));
    assert_refused("bad_request", "userB");
}
END_TEST

START_TEST(user_of_128_bytes_is_the_longest)
{
    char parameter[5 + 129 + 1] = "user=";

    memset(parameter + 5, 'u', 128);
    ck_assert(READ(parameter));
    parameter[5 + 128] = 'u';
    ck_assert(!READ(parameter));
    assert_refused("bad_request", "user");
}
END_TEST

START_TEST(control_characters_and_bad_utf8_are_refused)
{
    ck_assert(!READ("user=a\nb"));
    ck_assert(!READ("user=\xff"));
    ck_assert(!READ("user=a", "device=\x01"));
}
END_TEST

START_TEST(position_and_who_acknowledges_are_read)
{
    ck_assert(READ("user=a"));
    ck_assert(!identity.has_since);
    ck_assert(!identity.acks);
    ck_assert_uint_eq(identity.epoch.len, 0);
    ck_assert(READ("user=a", "since=1700000000000-7", "epoch=0af", "ack=client"));
    ck_assert(identity.has_since);
    ck_assert_uint_eq(identity.since.ms, 1700000000000);
    ck_assert_uint_eq(identity.since.seq, 7);
    ck_assert(text_equal(identity.epoch, TEXT("0af")));
    ck_assert(identity.acks);
}
END_TEST

START_TEST(wrong_position_epoch_or_ack_is_refused)
{
    ck_assert(!READ("user=a", "since=17"));
    assert_refused("bad_request", "since");
    ck_assert(!READ("user=a", "since="));
    assert_refused("bad_request", "since");
    ck_assert(!READ("user=a", "epoch=x-y"));
    assert_refused("bad_request", "epoch");
    ck_assert(!READ("user=a", "ack=server"));
    assert_refused("bad_request", "ack");
}
END_TEST

START_TEST(pair_session_has_no_position_of_its_own)
{
    ck_assert(!READ("userA=a", "since=1-1"));
    assert_refused("bad_request", "since");
    ck_assert(!READ("userA=a", "userB=b", "ack=client"));
    assert_refused("bad_request", "ack");
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("identity");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, user_alone_has_the_default_device);
    tcase_add_test(tcase, device_is_taken_and_unknown_parameters_are_ignored);
    tcase_add_test(tcase, device_of_pair_sessions_is_reserved);
    tcase_add_test(tcase, two_ids_make_a_pair_session);
    tcase_add_test(tcase, one_id_of_a_pair_is_enough);
    tcase_add_test(tcase, equal_ids_are_one_identity);
    tcase_add_test(tcase, no_two_pairs_share_a_device);
    tcase_add_test(tcase, user_beside_a_pair_is_refused);
    tcase_add_test(tcase, parameter_given_twice_is_refused);
    tcase_add_test(tcase, missing_and_empty_users_are_refused);
    tcase_add_test(tcase, user_of_128_bytes_is_the_longest);
    tcase_add_test(tcase, control_characters_and_bad_utf8_are_refused);
    tcase_add_test(tcase, position_and_who_acknowledges_are_read);
    tcase_add_test(tcase, wrong_position_epoch_or_ack_is_refused);
    tcase_add_test(tcase, pair_session_has_no_position_of_its_own);
    return unit_run("identity", tcase);
}
