/* Addresses, of Redis above all, as people write them. */
#include "base/address.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "unit.h"

static struct redis_address parse(const char *text)
{
    struct redis_address address;

    ck_assert_msg(redis_address_parse(&address, text), "%s", text);
    return address;
}

static void assert_host(const char *text, const char *host, int port)
{
    struct redis_address address = parse(text);

    ck_assert_str_eq(address.host, host);
    ck_assert_int_eq(address.port, port);
    ck_assert_ptr_null(address.unix_path);
    ck_assert_ptr_null(address.user);
    ck_assert_ptr_null(address.password);
    ck_assert_int_eq(address.db, 0);
    redis_address_clear(&address);
}

START_TEST(host_and_port_of_redis_in_every_form)
{
    assert_host("redis.example.com", "redis.example.com", 6379);
    assert_host("parley_redis_1:7000", "parley_redis_1", 7000);
    assert_host("127.0.0.1:6379", "127.0.0.1", 6379);
    assert_host("[::1]:7000", "::1", 7000);
    assert_host("[2001:db8::1]", "2001:db8::1", 6379);
    assert_host("redis://h", "h", 6379);
    assert_host("redis://h/", "h", 6379);
    assert_host("redis://[::1]:1/0", "::1", 1);
    assert_host("h:65535", "h", 65535);
}
END_TEST

START_TEST(url_has_user_password_and_db)
{
    struct redis_address address = parse("redis://me:secret@h:7000/12");

    ck_assert_str_eq(address.user, "me");
    ck_assert_str_eq(address.password, "secret");
    ck_assert_str_eq(address.host, "h");
    ck_assert_int_eq(address.port, 7000);
    ck_assert_int_eq(address.db, 12);
    redis_address_clear(&address);
}
END_TEST

START_TEST(password_needs_no_user)
{
    struct redis_address address = parse("redis://:secret@h");

    ck_assert_ptr_null(address.user);
    ck_assert_str_eq(address.password, "secret");
    redis_address_clear(&address);
}
END_TEST

START_TEST(user_and_password_are_percent_decoded)
{
    struct redis_address address = parse("redis://a%40b:p%3A%2f%25+%40@h");

    ck_assert_str_eq(address.user, "a@b");
    ck_assert_str_eq(address.password, "p:/%+@");
    redis_address_clear(&address);
    address = parse("redis://u:a:b@h"); /* only the first ':' separates */
    ck_assert_str_eq(address.password, "a:b");
    redis_address_clear(&address);
}
END_TEST

START_TEST(unix_socket_is_a_path)
{
    struct redis_address address = parse("unix:/run/redis/redis.sock");

    ck_assert_str_eq(address.unix_path, "/run/redis/redis.sock");
    ck_assert_ptr_null(address.host);
    redis_address_clear(&address);
}
END_TEST

START_TEST(unix_path_is_as_long_as_the_system_allows)
{
    char text[5 + 108 + 1] = "unix:/";
    struct redis_address address;

    memset(text + 6, 'a', 106); /* 107 bytes and a NUL fill sun_path, unix(7) */
    ck_assert(redis_address_parse(&address, text));
    redis_address_clear(&address);
    memset(text + 6, 'a', 107);
    ck_assert(!redis_address_parse(&address, text));
}
END_TEST

START_TEST(other_text_is_no_address_of_redis)
{
    static const char *const wrong[] = {
        "",
        ":6379",
        "h:",
        "h:0",
        "h:65536",
        "h:+1",
        "h:06379",
        "h:1:2",
        "::1",
        "[::1",
        "[h]:1",
        "[]",
        "[::1]x",
        "[::1]:",
        "h h",
        "h/1",
        "u:p@h",
        "redis://",
        "redis:h",
        "redis:///1",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/01",
        "redis://h/99999999999",
        "redis://h/1/2",
        "redis://h?db=1",
        "redis://user@h",
        "redis://@h",
        "redis://:@h",
        "redis://u:p@",
        "redis://u:%zz@h",
        "redis://u:%00@h",
        "redis://u:a@b@h",
        "redis://u:a/b@h",
        "rediss://h",
        "REDIS://h",
        "http://h",
        "unix:",
        "unix:relative",
        "h\xC3\xA9",
    };
    struct redis_address address;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!redis_address_parse(&address, wrong[i]), "%s", wrong[i]);
}
END_TEST

START_TEST(password_is_masked_also_in_misspelled_text)
{
    static const struct {
        const char *text;
        const char *masked;
    } cases[] = {
        {"redis://me:secret@h:1/2", "redis://me:***@h:1/2"},
        {"redis://:secret@h", "redis://:***@h"},
        {"redis://secret@h", "redis://***@h"},
        {"redis://me:sec@ret@h", "redis://me:***@h"},
        {"redis://me:sec/ret@h", "redis://me:***@h"},
        {"rediss://me:secret@h", "rediss://me:***@h"},
        {"redis:me:secret@h", "redis:***@h"},
        {"secret@h", "***@h"},
        {"me:sec://ret@h", "me:***@h"},
        {"h:6379", "h:6379"},
        {"unix:/run/a@b", "unix:/run/a@b"},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct builder out;

        builder_init(&out, 1024);
        redis_address_append_masked(text_of(cases[i].text), &out);
        ck_assert_msg(text_equal(builder_text(&out), text_of(cases[i].masked)), "%s: %.*s",
                      cases[i].text, (int)out.len, out.data);
        builder_clear(&out);
    }
}
END_TEST

START_TEST(split_leaves_the_port_alone_when_there_is_none)
{
    struct text host;
    int port = -1;

    ck_assert(address_split(TEXT("h"), &host, &port));
    ck_assert_int_eq(port, -1);
    ck_assert(address_split(TEXT("[::1]:0"), &host, &port));
    ck_assert_int_eq(port, 0);
    ck_assert(text_equal(host, TEXT("::1")));
}
END_TEST

START_TEST(numeric_addresses_are_of_both_families)
{
    ck_assert(address_is_numeric(TEXT("0.0.0.0")));
    ck_assert(address_is_numeric(TEXT("::")));
    ck_assert(address_is_numeric(TEXT("::ffff:127.0.0.1")));
    ck_assert(!address_is_numeric(TEXT("")));
    ck_assert(!address_is_numeric(TEXT("localhost")));
    ck_assert(!address_is_numeric(TEXT("127.0.0.1\0")));
    ck_assert(!address_is_numeric(TEXT("1.2.3.256")));
}
END_TEST

START_TEST(name_is_of_few_characters)
{
    ck_assert(address_is_name(TEXT("azAZ09._-")));
    ck_assert(!address_is_name(TEXT("")));
    ck_assert(!address_is_name(TEXT("a b")));
    ck_assert(!address_is_name(TEXT("a\0")));
    ck_assert(!address_is_name(TEXT("\xC3\xA9")));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("address");

    tcase_add_test(tests, host_and_port_of_redis_in_every_form);
    tcase_add_test(tests, url_has_user_password_and_db);
    tcase_add_test(tests, password_needs_no_user);
    tcase_add_test(tests, user_and_password_are_percent_decoded);
    tcase_add_test(tests, unix_socket_is_a_path);
    tcase_add_test(tests, unix_path_is_as_long_as_the_system_allows);
    tcase_add_test(tests, other_text_is_no_address_of_redis);
    tcase_add_test(tests, password_is_masked_also_in_misspelled_text);
    tcase_add_test(tests, split_leaves_the_port_alone_when_there_is_none);
    tcase_add_test(tests, numeric_addresses_are_of_both_families);
    tcase_add_test(tests, name_is_of_few_characters);
    return unit_run("address", tests);
}
