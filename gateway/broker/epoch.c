#include "broker/epoch.h"

#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/buffer.h"
#include "base/log.h"
#include "embedded/epoch_lua.h"

struct epoch {
    struct connection *connection;
    struct builder text;
    bool logged;
};

struct epoch *epoch_new(struct connection *connection)
{
    struct epoch *epoch = memory_alloc(sizeof(*epoch));

    epoch->connection = connection;
    builder_init(&epoch->text, SIZE_MAX);
    return epoch;
}

void epoch_free(struct epoch *epoch)
{
    if (epoch == NULL)
        return;
    builder_clear(&epoch->text);
    free(epoch);
}

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct epoch *epoch = arg;

    /* A refusal in the greeting makes the connection begin anew. */
    if (outcome != BROKER_ANSWERED)
        return;
    builder_reset(&epoch->text);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING) {
        connection_reset(epoch->connection, "an unexpected answer to the question for the epoch");
        return;
    }
    const struct redisReply *id = reply->element[0];
    const struct redisReply *reason = reply->element[1];
    builder_append(&epoch->text, (struct text){id->str, id->len});
    if (id->len == 0 && !epoch->logged) {
        log_warn("epoch_unknown", LOG_TEXT("reason", ((struct text){reason->str, reason->len})));
        epoch->logged = true;
    }
}

void epoch_ask(struct epoch *epoch)
{
    /* A script, because an error in the greeting is its end. Not by its SHA1: the greeting does not
     * know yet what SCRIPT LOAD will answer. */
    const struct text args[] = {TEXT("EVAL"), {(const char *)epoch_lua, EPOCH_LUA_SIZE}, TEXT("0")};

    connection_command(epoch->connection, args, sizeof(args) / sizeof(*args), on_answer, epoch);
}

struct text epoch_text(const struct epoch *epoch)
{
    return builder_text(&epoch->text);
}
