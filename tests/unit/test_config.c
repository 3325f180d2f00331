/* Settings from all their sources, and the one line about a wrong one. */
#include "base/config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

#define WORDS_MAX 32

/* What the last load() made. Each test runs in a process of its own. */
static struct config config;
static char *out;
static char *err;

static void forget(void)
{
    config_clear(&config);
    free(out);
    free(err);
    out = NULL;
    err = NULL;
}

/* Cuts `string` in place at its blanks; a NULL ends the words. */
static int split_words(char *string, char *words[WORDS_MAX], int count)
{
    char *rest;

    for (char *word = strtok_r(string, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        ck_assert_int_lt(count, WORDS_MAX - 1);
        words[count++] = word;
    }
    words[count] = NULL;
    return count;
}

/* Loads from flags and variables, each separated by blanks. */
static enum config_result load(const char *flags, const char *variables)
{
    char program[] = "parley-gateway";
    char *arguments[WORDS_MAX] = {program};
    char *environment[WORDS_MAX];
    char *flags_copy = strdup(flags);
    char *variables_copy = strdup(variables);
    int count = split_words(flags_copy, arguments, 1);
    size_t len;

    forget();
    split_words(variables_copy, environment, 0);
    FILE *out_stream = open_memstream(&out, &len);
    FILE *err_stream = open_memstream(&err, &len);
    enum config_result result =
        config_load(&config, count, arguments, environment, out_stream, err_stream);
    (void)fclose(out_stream);
    (void)fclose(err_stream);
    free(flags_copy);
    free(variables_copy);
    return result;
}

/* A file with these bytes, gone with the process; `flag` becomes the flag that names it. */
static const char *make_file(const char *content, char flag[64])
{
    int file = memfd_create("config", 0);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, content, strlen(content)), (ssize_t)strlen(content));
    (void)snprintf(flag, 64, "--config=/proc/self/fd/%d", file);
    return flag + strlen("--config=");
}

static enum config_result load_file(const char *content)
{
    char flag[64];

    make_file(content, flag);
    return load(flag, "");
}

/* The error line is the program's name and this. */
static void assert_wrong(enum config_result result, const char *line)
{
    char expected[1024];

    ck_assert_int_eq(result, CONFIG_WRONG);
    (void)snprintf(expected, sizeof(expected), "parley-gateway: %s\n", line);
    ck_assert_str_eq(err, expected);
    ck_assert_str_eq(out, "");
}

/* The same for a line of a file, which begins with the file's name. */
static void assert_wrong_file(const char *content, const char *line)
{
    char flag[64];
    char expected[1024];
    const char *path = make_file(content, flag);

    (void)snprintf(expected, sizeof(expected), "%s%s", path, line);
    assert_wrong(load(flag, ""), expected);
}

START_TEST(defaults_hold_without_any_source)
{
    ck_assert_int_eq(load("", "HOME=/root PATH=/bin"), CONFIG_RUN);
    ck_assert_int_eq(config.port, 3000);
    ck_assert_str_eq(config.listen, "127.0.0.1");
    ck_assert(!config.reuse_port);
    ck_assert_ptr_null(config.admin_listen);
    ck_assert_str_eq(config.redis, "127.0.0.1:6379");
    ck_assert_str_eq(config.prefix, "parley");
    ck_assert_uint_eq(config.max_message, 65536);
    ck_assert_uint_eq(config.max_frame, 1048576);
    ck_assert_uint_eq(config.max_depth, 32);
    ck_assert_uint_eq(config.max_sessions, 100000);
    ck_assert_uint_eq(config.max_sessions_per_user, 16);
    ck_assert_uint_eq(config.mailbox_max, 1000);
    ck_assert_int_eq(config.mailbox_ttl_ms, INT64_C(30) * 24 * 3600 * 1000);
    ck_assert_int_eq(config.ref_ttl_ms, 3600 * 1000);
    ck_assert_uint_eq(config.copies, 1);
    ck_assert_int_eq(config.delivery, DELIVERY_DURABLE);
    ck_assert_uint_eq(config.output_max, 1048576);
    ck_assert_int_eq(config.ping_ms, 25000);
    ck_assert_int_eq(config.pong_timeout_ms, 10000);
    ck_assert_int_eq(config.handshake_timeout_ms, 10000);
    ck_assert_int_eq(config.drain_ms, 10000);
    ck_assert_ptr_null(config.user);
    ck_assert_int_eq(config.log_level, LOG_LEVEL_INFO);
    ck_assert_int_eq(config.log_format, LOG_FORMAT_TEXT);
    ck_assert_str_eq(err, "");
}
END_TEST

START_TEST(host_name_is_the_id_when_none_is_given)
{
    ck_assert_int_eq(load("", ""), CONFIG_RUN);
    ck_assert(address_is_name(text_of(config.id)));
    ck_assert_uint_le(strlen(config.id), 64);
}
END_TEST

START_TEST(stronger_source_wins)
{
    char flag[64];
    char flags[128];
    char variables[128];
    const char *path = make_file("max-depth = 10\nping = 10s\nid = file\n", flag);

    (void)snprintf(flags, sizeof(flags), "%s --id flag", flag);
    ck_assert_int_eq(load(flags, "PARLEY_ID=variable PARLEY_PING=20s"), CONFIG_RUN);
    ck_assert_str_eq(config.id, "flag");
    ck_assert_int_eq(config.ping_ms, 20000);
    ck_assert_uint_eq(config.max_depth, 10);
    ck_assert_uint_eq(config.mailbox_max, 1000);

    make_file("id = other\n", flag);
    (void)snprintf(variables, sizeof(variables), "PARLEY_CONFIG=%s", path);
    ck_assert_int_eq(load(flag, variables), CONFIG_RUN); /* of two files the flag's is read */
    ck_assert_str_eq(config.id, "other");
    ck_assert_uint_eq(config.max_depth, 32);
}
END_TEST

START_TEST(value_of_a_flag_follows_it_or_its_equals_sign)
{
    ck_assert_int_eq(load("--port 1 --id=a --port 2", ""), CONFIG_RUN);
    ck_assert_int_eq(config.port, 2); /* the last one counts */
    ck_assert_str_eq(config.id, "a");
}
END_TEST

START_TEST(switch_is_on_without_a_value)
{
    ck_assert_int_eq(load("--reuse-port --id a", ""), CONFIG_RUN);
    ck_assert(config.reuse_port);
    ck_assert_int_eq(load("--reuse-port=off", "PARLEY_REUSE_PORT=on"), CONFIG_RUN);
    ck_assert(!config.reuse_port);
    assert_wrong(load("", "PARLEY_REUSE_PORT=yes"), "PARLEY_REUSE_PORT=yes: one of off, on");
    assert_wrong(load("--reuse-port on", ""),
                 "on: not a flag; settings are given as --NAME VALUE, and --help lists all");
}
END_TEST

START_TEST(file_may_have_comments_blanks_and_crlf)
{
    ck_assert_int_eq(load_file("# one\r\n\r\n  max-depth\t=  7 \r\n\t# two = 3\nid=x\n"
                               "prefix = no-newline"),
                     CONFIG_RUN);
    ck_assert_uint_eq(config.max_depth, 7);
    ck_assert_str_eq(config.id, "x");
    ck_assert_str_eq(config.prefix, "no-newline");
}
END_TEST

START_TEST(empty_value_unsets_what_is_none_by_default)
{
    ck_assert_int_eq(load("--admin-listen= --user= --id=",
                          "PARLEY_ADMIN_LISTEN=[::1]:9000 PARLEY_USER=nobody PARLEY_CONFIG="),
                     CONFIG_RUN);
    ck_assert_ptr_null(config.admin_listen);
    ck_assert_ptr_null(config.user);
    ck_assert_str_ne(config.id, "");
    ck_assert_int_eq(load("", "PARLEY_ADMIN_LISTEN=[::1]:9000"), CONFIG_RUN);
    ck_assert_str_eq(config.admin_listen, "[::1]:9000");
}
END_TEST

START_TEST(wrong_value_is_named_with_its_source)
{
    assert_wrong(load("--port 70000", ""), "--port 70000: a port is a number from 0 to 65535");
    assert_wrong(load("", "PARLEY_PING=abc"),
                 "PARLEY_PING=abc: a duration is a number with ms, s, m, h or d, or of seconds, "
                 "from 100ms to 1h, or 0 (off)");
    assert_wrong_file("# two\n\nmailbox-max = -1\n",
                      ":3: mailbox-max = -1: a number from 1 to 10000000");
    assert_wrong(load("--ping 5s", "PARLEY_PING=x PARLEY_ID=a"), /* also what a flag replaces */
                 "PARLEY_PING=x: a duration is a number with ms, s, m, h or d, or of seconds, "
                 "from 100ms to 1h, or 0 (off)");
}
END_TEST

START_TEST(error_is_one_line_of_bounded_length)
{
    char flags[4096];

    assert_wrong(load("--log-level a\nb\x1b[0m", ""),
                 "--log-level a?b?[0m: one of debug, info, warn, error");
    memset(flags, 'x', sizeof(flags) - 1);
    flags[sizeof(flags) - 1] = '\0';
    memcpy(flags, "--port=", 7);
    ck_assert_int_eq(load(flags, ""), CONFIG_WRONG);
    ck_assert_ptr_nonnull(strstr(err, "xxx: a port is a number from 0 to 65535\n"));
    ck_assert_uint_lt(strlen(err), 512);
}
END_TEST

START_TEST(unknown_flag_gets_a_near_name_for_a_hint)
{
    assert_wrong(load("--prot 1", ""), "--prot: there is no such flag; did you mean --port?");
    assert_wrong(load("--max-mesage=1", ""),
                 "--max-mesage: there is no such flag; did you mean --max-message?");
    assert_wrong(load("--check-confg", ""),
                 "--check-confg: there is no such flag; did you mean --check-config?");
    assert_wrong(load("--verbose", ""), "--verbose: there is no such flag; --help lists all");
    assert_wrong(load("--x", ""), "--x: there is no such flag; --help lists all");
}
END_TEST

START_TEST(flag_without_its_value_is_wrong)
{
    assert_wrong(load("--port", ""), "--port: its value is missing; --help lists all");
    assert_wrong(load("--port --id a", ""), "--port: its value is missing; --help lists all");
    assert_wrong(load("--config", ""), "--config: its value is missing; --help lists all");
    assert_wrong(load("--help=all", ""), "--help takes no value");
}
END_TEST

START_TEST(argument_that_is_no_flag_is_wrong)
{
    static const char end[] =
        "not a flag; settings are given as --NAME VALUE, and --help lists all";
    static const char *const wrong[] = {"3000", "-p", "--"};
    char line[128];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void)snprintf(line, sizeof(line), "%s: %s", wrong[i], end);
        assert_wrong(load(wrong[i], ""), line);
    }
}
END_TEST

START_TEST(unknown_variable_of_ours_is_wrong)
{
    assert_wrong(load("", "PARLEY_PROT=secret"),
                 "PARLEY_PROT: there is no such setting; did you mean PARLEY_PORT?");
    assert_wrong(load("", "PARLEY_port=1"),
                 "PARLEY_port: there is no such setting; did you mean PARLEY_PORT?");
    assert_wrong(load("", "PARLEY_MAX-DEPTH=1"),
                 "PARLEY_MAX-DEPTH: there is no such setting; did you mean PARLEY_MAX_DEPTH?");
    assert_wrong(load("", "PARLEY_CONFG=x"),
                 "PARLEY_CONFG: there is no such setting; did you mean PARLEY_CONFIG?");
    assert_wrong(load("", "PARLEY_=x"), "PARLEY_: there is no such setting; --help lists all");
    ck_assert_int_eq(load("", "PARLEYS_PORT=1 parley_port=1 PARLEY_URL=ws://h"), CONFIG_RUN);
}
END_TEST

START_TEST(wrong_line_of_a_file_is_named_by_its_number)
{
    assert_wrong_file("id = a\nprt = 1\n", ":2: prt: there is no such setting; did you mean port?");
    assert_wrong_file("config = x\n", ":1: config: there is no such setting; --help lists all");
    assert_wrong_file("id = a\nport = 1\n\nid = b\n",
                      ":4: id: line 1 sets it already; keep one of them");
    assert_wrong_file("redis redis://:secret@h\n",
                      ":1: redis redis://:***@h: a line is NAME = VALUE");
    assert_wrong_file("user = a\x01\n", ":1: user: a value has no control characters");
    assert_wrong_file(" = 1\n", ":1: = 1: a line is NAME = VALUE");
}
END_TEST

START_TEST(file_that_cannot_be_read_is_wrong)
{
    assert_wrong(load("--config /nonexistent/file", ""),
                 "/nonexistent/file: No such file or directory; --config and PARLEY_CONFIG name "
                 "a file to read");
    assert_wrong(load("", "PARLEY_CONFIG=/"),
                 "/: Is a directory; --config and PARLEY_CONFIG name a file to read");
}
END_TEST

START_TEST(sizes_must_fit_each_other)
{
    ck_assert_int_eq(load("--max-message 1MiB --max-frame 1MiB --output-max 2MiB", ""), CONFIG_RUN);
    assert_wrong(load("--max-frame 65535", ""),
                 "max-frame 65535 and max-message 64KiB: a frame must hold the longest message");
    assert_wrong(load("--output-max 131071", ""),
                 "output-max 131071 and max-message 64KiB: output-max must be at least twice "
                 "max-message");
}
END_TEST

START_TEST(other_db_of_redis_needs_its_own_prefix)
{
    assert_wrong(load("--redis redis://:secret@h/3", ""),
                 "redis redis://:***@h/3 and prefix parley: channels are not separated by db, so a "
                 "db other than 0 needs a prefix of its own");
    ck_assert_int_eq(load("--redis redis://h/3 --prefix mine", ""), CONFIG_RUN);
    ck_assert_int_eq(load("--redis redis://h/0", ""), CONFIG_RUN);
}
END_TEST

START_TEST(password_is_never_shown)
{
    ck_assert_int_eq(load("--check-config --redis redis://me:secret@h", ""), CONFIG_EXIT);
    ck_assert_ptr_nonnull(strstr(out, "\nredis = redis://me:***@h\n"));
    ck_assert_ptr_null(strstr(out, "secret"));

    ck_assert_int_eq(load("--redis rediss://me:secret@h", ""), CONFIG_WRONG);
    ck_assert_ptr_nonnull(strstr(err, "--redis rediss://me:***@h: TLS to Redis is not in this"));
    ck_assert_int_eq(load("", "PARLEY_REDIS=redis://secret@h"), CONFIG_WRONG);
    ck_assert_ptr_null(strstr(err, "secret"));
    ck_assert_int_eq(load("--redis=redis://h redis://:secret@h", ""), CONFIG_WRONG);
    ck_assert_ptr_null(strstr(err, "secret"));
}
END_TEST

START_TEST(checked_settings_can_be_used_as_the_file)
{
    ck_assert_int_eq(load("--check-config --ping=0 --mailbox-ttl 36h --max-message 1500 "
                          "--reuse-port --log-format json --user nobody --id a",
                          ""),
                     CONFIG_EXIT);
    ck_assert_ptr_nonnull(strstr(out, "port = 3000\n"));
    ck_assert_ptr_nonnull(strstr(out, "\nping = 0\n"));
    ck_assert_ptr_nonnull(strstr(out, "\nmailbox-ttl = 36h\n"));
    ck_assert_ptr_nonnull(strstr(out, "\nmax-message = 1500\n"));
    ck_assert_ptr_nonnull(strstr(out, "\nreuse-port = on\n"));

    char *first = strdup(out);
    char flags[128];
    char flag[64];

    make_file(first, flag);
    (void)snprintf(flags, sizeof(flags), "--check-config %s", flag);
    ck_assert_int_eq(load(flags, ""), CONFIG_EXIT);
    ck_assert_str_eq(out, first);
    free(first);
}
END_TEST

START_TEST(check_of_wrong_settings_prints_none)
{
    assert_wrong(load("--check-config --port 70000", ""),
                 "--port 70000: a port is a number from 0 to 65535");
}
END_TEST

START_TEST(help_and_version_do_not_look_at_values)
{
    ck_assert_int_eq(load("--port 70000 --help", "PARLEY_X=1 PARLEY_CONFIG=/"), CONFIG_EXIT);
    ck_assert_ptr_nonnull(strstr(out, "  --port PORT    default 3000; from 0 to 65535\n"));
    ck_assert_ptr_nonnull(strstr(out, "  --reuse-port[=off|on]    default off\n"));
    ck_assert_ptr_nonnull(strstr(out, "  --log-level debug|info|warn|error    default info\n"));
    ck_assert_ptr_nonnull(strstr(out, "PARLEY_MAILBOX_MAX=500"));
    ck_assert_int_eq(load("--max-frame 1KiB --version", ""), CONFIG_EXIT);
    ck_assert_int_eq(strncmp(out, "parley-gateway ", 15), 0);
    ck_assert_ptr_eq(strchr(out, '\n'), out + strlen(out) - 1);
    ck_assert_str_eq(err, "");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("config");

    tcase_add_checked_fixture(tests, NULL, forget);
    tcase_add_test(tests, defaults_hold_without_any_source);
    tcase_add_test(tests, host_name_is_the_id_when_none_is_given);
    tcase_add_test(tests, stronger_source_wins);
    tcase_add_test(tests, value_of_a_flag_follows_it_or_its_equals_sign);
    tcase_add_test(tests, switch_is_on_without_a_value);
    tcase_add_test(tests, file_may_have_comments_blanks_and_crlf);
    tcase_add_test(tests, empty_value_unsets_what_is_none_by_default);
    tcase_add_test(tests, wrong_value_is_named_with_its_source);
    tcase_add_test(tests, error_is_one_line_of_bounded_length);
    tcase_add_test(tests, unknown_flag_gets_a_near_name_for_a_hint);
    tcase_add_test(tests, flag_without_its_value_is_wrong);
    tcase_add_test(tests, argument_that_is_no_flag_is_wrong);
    tcase_add_test(tests, unknown_variable_of_ours_is_wrong);
    tcase_add_test(tests, wrong_line_of_a_file_is_named_by_its_number);
    tcase_add_test(tests, file_that_cannot_be_read_is_wrong);
    tcase_add_test(tests, sizes_must_fit_each_other);
    tcase_add_test(tests, other_db_of_redis_needs_its_own_prefix);
    tcase_add_test(tests, password_is_never_shown);
    tcase_add_test(tests, checked_settings_can_be_used_as_the_file);
    tcase_add_test(tests, check_of_wrong_settings_prints_none);
    tcase_add_test(tests, help_and_version_do_not_look_at_values);
    return unit_run("config", tests);
}
