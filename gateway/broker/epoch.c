#include "broker/epoch.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#define NAME_LEN 40
#define FIELD "master_replid:"

struct epoch {
    struct connection *connection;
    char name[NAME_LEN + 1];
};

struct epoch *epoch_new(struct connection *connection)
{
    struct epoch *epoch = memory_alloc(sizeof(*epoch));

    epoch->connection = connection;
    return epoch;
}

void epoch_free(struct epoch *epoch)
{
    free(epoch);
}

/* A refusal in the greeting makes the connection begin anew. */
static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct epoch *epoch = arg;
    const char *value;
    size_t len = 0;

    if (outcome != BROKER_ANSWERED || reply->type != REDIS_REPLY_STRING ||
        (value = strstr(reply->str, FIELD)) == NULL)
        return;
    value += strlen(FIELD);
    while (len < NAME_LEN && isalnum((unsigned char)value[len]))
        len++;
    memcpy(epoch->name, value, len);
    epoch->name[len] = '\0';
}

void epoch_ask(struct epoch *epoch)
{
    connection_command(epoch->connection, (struct text[]){TEXT("INFO"), TEXT("replication")}, 2,
                       on_answer, epoch);
}

struct text epoch_name(const struct epoch *epoch)
{
    return text_of(epoch->name);
}
