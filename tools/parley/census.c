#include "census.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/settings.h"
#include "common/arguments.h"
#include "message/parse.h"
#include "session.h"

#define TIMEOUT_MS 5000

/* ---- Begin and end ---- */

/* A flag's value, or the environment's, or the gateway's default; as the gateway would read it. */
static bool read_setting(struct census *census, const char *name, const char *flag,
                         const char *variable)
{
    const struct setting *setting = setting_find(text_of(name));
    const char *environment = getenv(variable);
    const char *value = flag ? flag : environment;
    struct builder shown;
    struct builder right;
    bool good;

    if (!value || !*value)
        value = setting->fallback;
    builder_init(&shown, SIZE_MAX);
    builder_init(&right, SIZE_MAX);
    good = setting_read(setting, &census->config, text_of(value), &right);
    if (!good) {
        setting_append_value(setting, text_of(value), &shown);
        fprintf(stderr, "%s: %s%s %.*s: %.*s\n", census->program, flag ? "--" : "",
                flag ? name : variable, (int)shown.len, shown.data, (int)right.len, right.data);
    }
    builder_clear(&shown);
    builder_clear(&right);
    return good;
}

/* The number of operands, from argv[1] on; -1 when all is said: `status` is the program's. */
static int read_arguments(struct census *census, const struct census_command *command, int argc,
                          char **argv, int *status)
{
    const char *redis = NULL;
    const char *prefix = NULL;
    bool wants_help = false;
    const struct argument flags[] = {
        {"--redis", ARGUMENT_TEXT, &redis, 0, 0},
        {"--prefix", ARGUMENT_TEXT, &prefix, 0, 0},
        {"--help", ARGUMENT_SWITCH, &wants_help, 0, 0},
        {0},
    };
    int operands = arguments_read(command->program, flags, argc, argv);

    *census = (struct census){.program = command->program};
    *status = STATUS_USAGE;
    if (operands < 0)
        return -1;
    if (wants_help) {
        fputs(command->help, stdout);
        *status = STATUS_DONE;
        return -1;
    }
    if (!read_setting(census, "redis", redis, "PARLEY_REDIS") ||
        !read_setting(census, "prefix", prefix, "PARLEY_PREFIX"))
        return -1;
    return operands;
}

static bool check_operands(const struct census_command *command, char **operands, int count)
{
    const char *wrong;

    if (count < command->min || count > command->max) {
        session_complain(command->program, command->wanted);
        return false;
    }
    for (int i = 0; i < count && i < command->users; i++) {
        if (parse_is_user(text_of(operands[i])))
            continue;
        fprintf(stderr,
                "%s: USER %d is no user: 1 to %d bytes of UTF-8 without control characters\n",
                command->program, i + 1, PARSE_USER_MAX);
        return false;
    }
    wrong = command->check ? command->check(operands) : NULL;
    if (wrong)
        session_complain(command->program, wrong);
    return !wrong;
}

static void read_clock(struct census *census)
{
    const struct text args[] = {TEXT("TIME")};
    const redisReply *reply = redis_ask(census->redis, REDIS_REPLY_ARRAY, NULL, args, 1);

    if (reply && reply->elements == 2)
        census->now_ms =
            redis_number(reply->element[0]) * 1000 + redis_number(reply->element[1]) / 1000;
}

static void read_schema(struct census *census)
{
    struct builder key;

    builder_init(&key, SIZE_MAX);
    keys_schema(census->keys, &key);
    const struct text args[] = {TEXT("GET"), builder_text(&key)};
    const redisReply *reply = redis_ask(census->redis, REDIS_REPLY_STRING, "string", args, 2);
    if (reply && reply->type == REDIS_REPLY_STRING)
        census->schema = memory_copy(reply->str, reply->len);
    builder_clear(&key);
}

bool census_failed(const struct census *census)
{
    return redis_failure(census->redis) != NULL;
}

void census_warn_of_schema(const struct census *census)
{
    if (census_failed(census))
        return;
    if (!census->schema)
        fprintf(stderr,
                "%s: there is no %s:schema: no gateway was ever ready on this Redis with that"
                " prefix\n",
                census->program, census->config.prefix);
    else if (!keys_is_schema(census->schema))
        fprintf(stderr,
                "%s: the schema is neither \"" SCHEMA_DURABLE "\" nor \"" SCHEMA_LIVE
                "\": what is shown may be wrong\n",
                census->program);
}

static int run(struct census *census, const struct census_command *command, char **operands,
               int count)
{
    census->keys = keys_new(census->config.prefix);
    census->redis = redis_open(census->config.redis, TIMEOUT_MS);
    read_clock(census);
    read_schema(census);
    command->print(census, operands, count);
    if (!census_failed(census))
        return STATUS_DONE;
    fprintf(stderr, "%s: %s\n", census->program, redis_failure(census->redis));
    return STATUS_FAILED;
}

int census_run(const struct census_command *command, int argc, char **argv)
{
    struct census census;
    int status;
    int count = read_arguments(&census, command, argc, argv, &status);

    if (count >= 0 && check_operands(command, argv + 1, count))
        status = run(&census, command, argv + 1, count);
    redis_close(census.redis);
    keys_free(census.keys);
    free(census.schema);
    settings_clear(&census.config);
    return status;
}

/* ---- Gateways ---- */

static void read_gateway(struct census_gateway *gateway, struct text member, int64_t expiry_ms,
                         int64_t now_ms)
{
    gateway->left_ms = expiry_ms - now_ms;
    if (text_starts_with(member, TEXT(LEASE_DEAD_PREFIX))) {
        text_split(&member, ':');
        gateway->lease = CENSUS_CLEANING;
    } else {
        gateway->lease = gateway->left_ms > 0 ? CENSUS_LIVE : CENSUS_EXPIRED;
    }
    gateway->incarnation = census_copy(member);
}

static int compare_gateways(const void *left, const void *right)
{
    return text_compare(((const struct census_gateway *)left)->incarnation,
                        ((const struct census_gateway *)right)->incarnation);
}

static void read_details(const struct census *census, struct census_gateway *gateway)
{
    struct builder name;

    builder_init(&name, SIZE_MAX);
    keys_gateway_channel(census->keys, gateway->incarnation, &name);
    gateway->subscribers = census_read_subscribers(census, builder_text(&name));
    builder_reset(&name);
    keys_gateway_users(census->keys, gateway->incarnation, &name);
    const struct text args[] = {TEXT("SCARD"), builder_text(&name)};
    gateway->users = redis_number(redis_ask(census->redis, REDIS_REPLY_INTEGER, "set", args, 2));
    builder_clear(&name);
}

struct census_gateways census_read_gateways(const struct census *census, bool all)
{
    struct census_gateways gateways = {0};
    struct builder key;
    const redisReply *reply;

    builder_init(&key, SIZE_MAX);
    keys_gateways(census->keys, &key);
    /* Those whose leases last longest: one more than are wanted. */
    const struct text args[] = {TEXT("ZRANGE"), builder_text(&key), TEXT("0"),
                                TEXT("1000"),   TEXT("REV"),        TEXT("WITHSCORES")};
    reply = redis_ask(census->redis, REDIS_REPLY_ARRAY, "sorted set", args, 6);
    gateways.items = memory_alloc(CENSUS_LIST_MAX * sizeof(*gateways.items));
    gateways.is_cut = reply && reply->elements / 2 > CENSUS_LIST_MAX;
    for (size_t i = 0; reply && i + 1 < reply->elements && gateways.count < CENSUS_LIST_MAX; i += 2)
        read_gateway(&gateways.items[gateways.count++], redis_text(reply->element[i]),
                     redis_number(reply->element[i + 1]), census->now_ms);
    qsort(gateways.items, gateways.count, sizeof(*gateways.items), compare_gateways);
    for (size_t i = 0; all && i < gateways.count; i++)
        read_details(census, &gateways.items[i]);
    builder_clear(&key);
    return gateways;
}

void census_gateways_clear(struct census_gateways *gateways)
{
    for (size_t i = 0; i < gateways->count; i++)
        free((void *)(uintptr_t)gateways->items[i].incarnation.at);
    free(gateways->items);
}

int64_t census_read_subscribers(const struct census *census, struct text channel)
{
    const struct text args[] = {TEXT("PUBSUB"), TEXT("NUMSUB"), channel};
    const redisReply *reply = redis_ask(census->redis, REDIS_REPLY_ARRAY, NULL, args, 3);

    return reply && reply->elements == 2 ? redis_number(reply->element[1]) : 0;
}

/* ---- Any key ---- */

struct text census_copy(struct text text)
{
    return (struct text){memory_copy(text.at, text.len), text.len};
}

static bool take_page(const redisReply *page,
                      bool (*take)(void *arg, struct text field, struct text value), void *arg)
{
    for (size_t i = 0; i + 1 < page->elements; i += 2) {
        if (!take(arg, redis_text(page->element[i]), redis_text(page->element[i + 1])))
            return false;
    }
    return true;
}

void census_scan_hash(const struct census *census, struct text key,
                      bool (*take)(void *arg, struct text field, struct text value), void *arg)
{
    struct builder cursor;
    const redisReply *reply;

    builder_init(&cursor, 32);
    builder_append_char(&cursor, '0');
    do {
        const struct text args[] = {TEXT("HSCAN"), key, builder_text(&cursor), TEXT("COUNT"),
                                    TEXT("100")};

        reply = redis_ask(census->redis, REDIS_REPLY_ARRAY, "hash", args, 5);
        if (!reply || reply->elements != 2)
            break;
        if (!take_page(reply->element[1], take, arg))
            break;
        builder_reset(&cursor);
        builder_append(&cursor, redis_text(reply->element[0]));
    } while (!text_equal(builder_text(&cursor), TEXT("0")));
    builder_clear(&cursor);
}
