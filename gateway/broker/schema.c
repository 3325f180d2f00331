#include "broker/schema.h"

#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "embedded/schema_lua.h"

#define FOUND_MAX 256 /* of what somebody else wrote, for the log */

struct schema {
    struct connection *connection;
    struct text wanted;
    struct builder key;
    struct builder found; /* empty while ours holds */
};

struct schema *schema_new(const struct keys *keys, const char *wanted,
                          struct connection *connection)
{
    struct schema *schema = memory_alloc(sizeof(*schema));

    schema->connection = connection;
    schema->wanted = text_of(wanted);
    builder_init(&schema->key, SIZE_MAX);
    keys_schema(keys, &schema->key);
    builder_init(&schema->found, FOUND_MAX);
    return schema;
}

void schema_free(struct schema *schema)
{
    if (schema == NULL)
        return;
    builder_clear(&schema->key);
    builder_clear(&schema->found);
    free(schema);
}

static void reject(struct schema *schema, struct text found)
{
    if (found.len == 0 || found.len > FOUND_MAX)
        found = TEXT("nothing like a schema");
    if (!text_equal(found, builder_text(&schema->found))) {
        builder_reset(&schema->found);
        builder_append(&schema->found, found);
        log_error("schema_mismatch", LOG_TEXT("key", builder_text(&schema->key)),
                  LOG_TEXT("found", found), LOG_TEXT("wanted", schema->wanted));
    }
    connection_reset(schema->connection, "the schema in Redis is another");
}

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct schema *schema = arg;

    /* A refusal in the greeting makes the connection begin anew; later, everything is refused. */
    if (outcome != BROKER_ANSWERED)
        return;
    if (reply->type != REDIS_REPLY_STRING)
        reject(schema, (struct text){0});
    else if (text_equal((struct text){reply->str, reply->len}, schema->wanted))
        builder_reset(&schema->found);
    else
        reject(schema, (struct text){reply->str, reply->len});
}

void schema_check(struct schema *schema)
{
    /* Not by its SHA1: the greeting does not know yet what SCRIPT LOAD will answer. */
    const struct text args[] = {TEXT("EVAL"),
                                {(const char *)schema_lua, SCHEMA_LUA_SIZE},
                                TEXT("1"),
                                builder_text(&schema->key),
                                schema->wanted};

    connection_command(schema->connection, args, sizeof(args) / sizeof(*args), on_answer, schema);
}

struct text schema_found(const struct schema *schema)
{
    return builder_text(&schema->found);
}
