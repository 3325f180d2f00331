#include "broker/keys.h"

#include <stdlib.h>

#include <check.h>

#include "unit.h"

static struct keys *keys;
static struct builder out;

static void begin(void)
{
    keys = keys_new("parley");
    builder_init(&out, 4096);
}

static void clear(void)
{
    builder_clear(&out);
    keys_free(keys);
}

static void assert_built(const char *expected)
{
    ck_assert(!out.full);
    struct text text = builder_text(&out);
    ck_assert_msg(text_equal(text, text_of(expected)), "'%.*s' instead of '%s'", (int)text.len,
                  text.at, expected);
    builder_reset(&out);
}

START_TEST(names_are_those_of_the_design)
{
    keys_user_channel(keys, TEXT("bob"), &out);
    assert_built("parley:user:{bob}");
    keys_mailbox(keys, TEXT("bob"), &out);
    assert_built("parley:mailbox:{bob}");
    keys_ref(keys, TEXT("bob"), TEXT("alice"), TEXT("k3J9-17"), &out);
    assert_built("parley:ref:{bob}:alice:k3J9-17");
    keys_presence(keys, TEXT("bob"), &out);
    assert_built("parley:presence:{bob}");
    keys_presence_events_channel(keys, TEXT("b b"), &out);
    assert_built("parley:presence-events:{b%20b}");
    keys_seen(keys, TEXT("bob"), &out);
    assert_built("parley:seen:{bob}");
    keys_gateway_users(keys, TEXT("host-1.x_y"), &out);
    assert_built("parley:gateway:host-1.x_y:users");
    keys_gateway_channel(keys, TEXT("host-1.x_y"), &out);
    assert_built("parley:gateway:host-1.x_y");
    keys_gateways(keys, &out);
    assert_built("parley:gateways");
    keys_schema(keys, &out);
    assert_built("parley:schema");
}
END_TEST

START_TEST(names_are_appended)
{
    keys_mailbox(keys, TEXT("a"), &out);
    keys_user_channel(keys, TEXT("a"), &out);
    assert_built("parley:mailbox:{a}parley:user:{a}");
}
END_TEST

START_TEST(what_has_a_meaning_in_a_key_is_encoded)
{
    keys_user_channel(keys, TEXT("a%b{c}d:e f\x01\x7f\n"), &out);
    assert_built("parley:user:{a%25b%7Bc%7Dd%3Ae%20f%01%7F%0A}");
    keys_ref(keys, TEXT("{b}"), TEXT("a:b"), TEXT("c:}"), &out);
    assert_built("parley:ref:{%7Bb%7D}:a%3Ab:c%3A%7D");
    keys_mailbox(keys, TEXT("\xe5\xbc\xa0*?[]\\\"'/"), &out);
    assert_built("parley:mailbox:{\xe5\xbc\xa0*?[]\\\"'/}");
}
END_TEST

START_TEST(two_schemas_are_known)
{
    ck_assert(keys_is_schema("1 durable"));
    ck_assert(keys_is_schema("1 live"));
    ck_assert(!keys_is_schema("2 live"));
    ck_assert(!keys_is_schema("1"));
}
END_TEST

START_TEST(every_user_comes_back_from_its_channel)
{
    char user[256];
    struct builder channel;

    builder_init(&channel, 4096);
    for (size_t len = 1; len <= sizeof(user); len++) {
        for (size_t i = 0; i < len; i++)
            user[i] = (char)(i + len);
        builder_reset(&channel);
        builder_reset(&out);
        keys_user_channel(keys, (struct text){user, len}, &channel);
        ck_assert(keys_user_of_channel(keys, builder_text(&channel), &out));
        ck_assert(text_equal(builder_text(&out), (struct text){user, len}));
        builder_reset(&channel);
        builder_reset(&out);
        keys_presence_events_channel(keys, (struct text){user, len}, &channel);
        ck_assert(!keys_user_of_channel(keys, builder_text(&channel), &out));
        ck_assert(keys_user_of_presence_events_channel(keys, builder_text(&channel), &out));
        ck_assert(text_equal(builder_text(&out), (struct text){user, len}));
    }
    builder_clear(&channel);
}
END_TEST

START_TEST(other_channels_are_no_users)
{
    static const char *const CHANNELS[] = {
        "",
        "parley:user:{",
        "parley:user:{}",
        "parley:user:{bob",
        "parley:user:bob",
        "parley:gateway:bob}",
        "parley:mailbox:{bob}",
        "parley:presence-events:{bob}",
        "parleyx:user:{bob}",
        "parley:user:{bo%b}",
        "parley:user:{bob%2}",
    };
    for (size_t i = 0; i < sizeof(CHANNELS) / sizeof(*CHANNELS); i++)
        ck_assert_msg(!keys_user_of_channel(keys, text_of(CHANNELS[i]), &out), "%s", CHANNELS[i]);
    ck_assert(!keys_user_of_presence_events_channel(keys, TEXT("parley:user:{bob}"), &out));
    ck_assert(!keys_user_of_presence_events_channel(keys, TEXT("parley:presence:{bob}"), &out));
}
END_TEST

START_TEST(the_prefix_is_the_one_given)
{
    struct keys *other = keys_new("other-1");

    keys_user_channel(other, TEXT("bob"), &out);
    ck_assert(!keys_user_of_channel(keys, builder_text(&out), &out));
    assert_built("other-1:user:{bob}");
    keys_free(other);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("keys");

    tcase_add_checked_fixture(tests, begin, clear);
    tcase_add_test(tests, names_are_those_of_the_design);
    tcase_add_test(tests, names_are_appended);
    tcase_add_test(tests, what_has_a_meaning_in_a_key_is_encoded);
    tcase_add_test(tests, two_schemas_are_known);
    tcase_add_test(tests, every_user_comes_back_from_its_channel);
    tcase_add_test(tests, other_channels_are_no_users);
    tcase_add_test(tests, the_prefix_is_the_one_given);
    return unit_run("keys", tests);
}
