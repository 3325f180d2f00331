#include "common/redis.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/buffer.h"
#include "common/duration.h"

#define ARGS_MAX 4096
#define FAILURE_MAX 1024
#define ERROR_MAX 400 /* of what Redis says of an error */

struct redis {
    redisContext *context;
    redisReply *reply; /* the last one */
    int64_t timeout_ms;
    struct builder where;   /* the address, without its password */
    struct builder failure; /* with a NUL behind it; empty while all is well */
};

__attribute__((format(printf, 2, 3))) static void fail(struct redis *redis, const char *format, ...)
{
    char line[FAILURE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    builder_append(&redis->failure, (struct text){line, strlen(line) + 1});
}

/* What hiredis says of a connection. */
static void fail_connection(struct redis *redis, const char *what)
{
    struct text where = builder_text(&redis->where);

    if (redis->context->err == REDIS_ERR_IO && errno == EAGAIN)
        fail(redis, "Redis at %.*s has not answered %s within %lld ms", (int)where.len, where.at,
             what, (long long)redis->timeout_ms);
    else
        fail(redis, "Redis at %.*s cannot be reached: %s", (int)where.len, where.at,
             redis->context->errstr);
}

/* The length of an error's text as far as it may be shown: of an unknown command Redis quotes the
 * arguments, which may be a password. */
static int shown_length(const redisReply *error)
{
    const char *quoted = strstr(error->str, ", with args");
    size_t len = quoted ? (size_t)(quoted - error->str) : error->len;

    return (int)(len < ERROR_MAX ? len : ERROR_MAX);
}

static void fail_refused(struct redis *redis, const redisReply *error, struct text command)
{
    struct text where = builder_text(&redis->where);

    fail(redis, "Redis at %.*s refuses %.*s: %.*s", (int)where.len, where.at, (int)command.len,
         command.at, shown_length(error), error->str);
}

/* The next reply, to be freed by the caller; NULL after a failure. */
static redisReply *exchange(struct redis *redis, const struct text *args, size_t count)
{
    const char *at[ARGS_MAX];
    size_t lengths[ARGS_MAX];
    redisReply *reply;

    for (size_t i = 0; i < count; i++) {
        at[i] = args[i].at;
        lengths[i] = args[i].len;
    }
    errno = 0;
    reply = redisCommandArgv(redis->context, (int)count, at, lengths);
    if (!reply)
        fail_connection(redis, args[0].at);
    return reply;
}

/* Redis says only that the type is a wrong one. */
static void fail_type(struct redis *redis, struct text key, const char *holds)
{
    const struct text args[] = {TEXT("TYPE"), key};
    redisReply *reply = exchange(redis, args, 2);
    const char *type;

    if (!reply)
        return;
    type = reply->type != REDIS_REPLY_STATUS ? "of another type"
           : strcmp(reply->str, "zset") == 0 ? "sorted set"
                                             : reply->str;
    fail(redis, "%.*s is a %s in Redis, and should be a %s: somebody else wrote it", (int)key.len,
         key.at, type, holds);
    freeReplyObject(reply);
}

const struct redisReply *redis_ask(struct redis *redis, int type, const char *holds,
                                   const struct text *args, size_t count)
{
    redisReply *reply;

    if (redis_failure(redis))
        return NULL;
    if (redis->reply)
        freeReplyObject(redis->reply);
    redis->reply = NULL;
    reply = exchange(redis, args, count);
    if (!reply)
        return NULL;
    redis->reply = reply;
    if (reply->type == type || (type == REDIS_REPLY_STRING && reply->type == REDIS_REPLY_NIL))
        return reply;
    if (reply->type != REDIS_REPLY_ERROR)
        fail(redis, "Redis answers %s with something else than it should", args[0].at);
    else if (holds && strncmp(reply->str, "WRONGTYPE", strlen("WRONGTYPE")) == 0)
        fail_type(redis, args[1], holds);
    else
        fail_refused(redis, reply, args[0]);
    return NULL;
}

static void greet(struct redis *redis, const struct redis_address *address)
{
    const struct text password = text_of(address->password);
    const struct text alone[] = {TEXT("AUTH"), password};
    const struct text both[] = {TEXT("AUTH"), text_of(address->user), password};
    struct builder db;

    if (address->user)
        redis_ask(redis, REDIS_REPLY_STATUS, NULL, both, 3);
    else if (address->password)
        redis_ask(redis, REDIS_REPLY_STATUS, NULL, alone, 2);
    if (address->db == 0)
        return;
    builder_init(&db, 16);
    builder_append_number(&db, (uint64_t)address->db);
    const struct text args[] = {TEXT("SELECT"), builder_text(&db)};
    redis_ask(redis, REDIS_REPLY_STATUS, NULL, args, 2);
    builder_clear(&db);
}

struct redis *redis_open(const char *where, int64_t timeout_ms)
{
    struct redis *redis = memory_alloc(sizeof(*redis));
    struct timeval timeout = duration_timeval(timeout_ms);
    struct redis_address address;

    redis->timeout_ms = timeout_ms;
    builder_init(&redis->where, SIZE_MAX);
    builder_init(&redis->failure, FAILURE_MAX);
    redis_address_append_masked(text_of(where), &redis->where);
    if (!redis_address_parse(&address, where)) {
        fail(redis, "%s is no address of a Redis", where);
        return redis;
    }
    redis->context = address.unix_path
                         ? redisConnectUnixWithTimeout(address.unix_path, timeout)
                         : redisConnectWithTimeout(address.host, address.port, timeout);
    if (!redis->context)
        abort(); /* no memory */
    if (redis->context->err != 0 || redisSetTimeout(redis->context, timeout) != REDIS_OK)
        fail_connection(redis, "");
    else
        greet(redis, &address);
    redis_address_clear(&address);
    return redis;
}

void redis_close(struct redis *redis)
{
    if (!redis)
        return;
    if (redis->reply)
        freeReplyObject(redis->reply);
    if (redis->context)
        redisFree(redis->context);
    builder_clear(&redis->where);
    builder_clear(&redis->failure);
    free(redis);
}

const char *redis_failure(const struct redis *redis)
{
    struct text failure = builder_text(&redis->failure);

    return failure.len > 0 ? failure.at : NULL;
}

int64_t redis_number(const struct redisReply *reply)
{
    uint64_t number;

    if (reply && reply->type == REDIS_REPLY_INTEGER)
        return reply->integer;
    return text_to_number(redis_text(reply), INT64_MAX, &number) ? (int64_t)number : -1;
}

struct text redis_text(const struct redisReply *reply)
{
    if (!reply || reply->type != REDIS_REPLY_STRING)
        return (struct text){0};
    return (struct text){reply->str, reply->len};
}
