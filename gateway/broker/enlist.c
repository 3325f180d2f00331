#include "broker/enlist.h"

#include <hiredis/hiredis.h>

#include "base/buffer.h"
#include "base/log.h"
#include "broker/command.h"

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    char error[COMMAND_ERROR_MAX];

    (void)arg;
    if (outcome == BROKER_REFUSED)
        log_repeated(LOG_LEVEL_WARN, "redis_refused", LOG_STRING("what", "the list of users"),
                     LOG_STRING("reason", command_error_text(reply, error)));
}

static void change(const struct enlist *enlist, struct text user, bool add)
{
    struct builder names; /* the set and the member, one behind the other */

    builder_init(&names, SIZE_MAX);
    keys_gateway_users(enlist->keys, lease_incarnation(enlist->lease), &names);
    size_t key_len = names.len;
    builder_append_key_part(&names, user);
    const struct text args[] = {
        TEXT("SREM"), {names.data, key_len}, {names.data + key_len, names.len - key_len}};
    if (add)
        scripts_run(enlist->scripts, SCRIPT_ENLIST, args + 1, 1, 2, on_answer, NULL);
    else
        connection_command(enlist->commands, args, 3, on_answer, NULL);
    builder_clear(&names);
}

void enlist_add(const struct enlist *enlist, struct text user)
{
    change(enlist, user, true);
}

void enlist_remove(const struct enlist *enlist, struct text user)
{
    change(enlist, user, false);
}
