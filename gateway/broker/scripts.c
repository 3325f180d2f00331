#include "broker/scripts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "broker/command.h"
#include "embedded/accept_lua.h"
#include "embedded/cursor_lua.h"
#include "embedded/enlist_lua.h"
#include "embedded/history_lua.h"
#include "embedded/live_lua.h"
#include "embedded/page_lua.h"
#include "embedded/presence_lua.h"
#include "embedded/read_lua.h"
#include "embedded/reap_lua.h"
#include "embedded/renew_lua.h"

#define SHA1_HEX_LEN 40
#define FIRST_KEY 3 /* of the arguments: EVALSHA, the SHA1, how many keys, the keys */

struct script {
    struct scripts *scripts;
    const char *name; /* for the log */
    struct text source;
    char sha1[SHA1_HEX_LEN]; /* as Redis answered; the same on every connection */
    bool loading;            /* SCRIPT LOAD is on its way */
};

struct scripts {
    struct connection *connection;
    struct script list[SCRIPT_COUNT];
};

/* A call without its answer, and its command in case that it must be sent again. */
struct call {
    struct script *script;
    struct text command;
    bool repeated;
    pending_cb *done;
    void *arg;
};

static void set_source(struct scripts *scripts, enum script_name which, const char *name,
                       const unsigned char *source, size_t size)
{
    scripts->list[which] =
        (struct script){.scripts = scripts, .name = name, .source = {(const char *)source, size}};
}

struct scripts *scripts_new(void)
{
    struct scripts *scripts = memory_alloc(sizeof(*scripts));

    set_source(scripts, SCRIPT_ACCEPT, "accept", accept_lua, ACCEPT_LUA_SIZE);
    set_source(scripts, SCRIPT_CURSOR, "cursor", cursor_lua, CURSOR_LUA_SIZE);
    set_source(scripts, SCRIPT_ENLIST, "enlist", enlist_lua, ENLIST_LUA_SIZE);
    set_source(scripts, SCRIPT_HISTORY, "history", history_lua, HISTORY_LUA_SIZE);
    set_source(scripts, SCRIPT_LIVE, "live", live_lua, LIVE_LUA_SIZE);
    set_source(scripts, SCRIPT_PAGE, "page", page_lua, PAGE_LUA_SIZE);
    set_source(scripts, SCRIPT_PRESENCE, "presence", presence_lua, PRESENCE_LUA_SIZE);
    set_source(scripts, SCRIPT_READ, "read", read_lua, READ_LUA_SIZE);
    set_source(scripts, SCRIPT_REAP, "reap", reap_lua, REAP_LUA_SIZE);
    set_source(scripts, SCRIPT_RENEW, "renew", renew_lua, RENEW_LUA_SIZE);
    return scripts;
}

void scripts_free(struct scripts *scripts)
{
    free(scripts);
}

void scripts_set_connection(struct scripts *scripts, struct connection *connection)
{
    scripts->connection = connection;
}

static void on_loaded(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct script *script = arg;

    script->loading = false;
    if (outcome != BROKER_ANSWERED)
        return; /* in the greeting the connection begins anew; later the repeated call fails */
    if (reply->type == REDIS_REPLY_STRING && reply->len == SHA1_HEX_LEN)
        memcpy(script->sha1, reply->str, SHA1_HEX_LEN);
    else
        connection_reset(script->scripts->connection, "an unexpected answer to SCRIPT LOAD");
}

static void load(struct script *script)
{
    const struct text args[] = {TEXT("SCRIPT"), TEXT("LOAD"), script->source};
    script->loading = true;
    connection_command(script->scripts->connection, args, 3, on_loaded, script);
}

void scripts_load_all(struct scripts *scripts)
{
    for (size_t i = 0; i < SCRIPT_COUNT; i++)
        load(&scripts->list[i]);
}

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct call *call = arg;
    struct script *script = call->script;
    char error[COMMAND_ERROR_MAX];

    if (outcome == BROKER_REFUSED) {
        if (!call->repeated && strncmp(reply->str, "NOSCRIPT", strlen("NOSCRIPT")) == 0) {
            /* It did not run. One SCRIPT LOAD serves all calls that come behind it. */
            call->repeated = true;
            if (!script->loading)
                load(script);
            connection_send(script->scripts->connection, call->command, on_answer, call);
            return;
        }
        log_repeated(LOG_LEVEL_WARN, "redis_refused", LOG_STRING("script", script->name),
                     LOG_TEXT("key", command_argument(call->command, FIRST_KEY)),
                     LOG_STRING("reason", command_error_text(reply, error)));
    }
    call->done(call->arg, outcome, reply);
    command_free(call->command);
    free(call);
}

void scripts_run(struct scripts *scripts, enum script_name name, const struct text *keys_and_args,
                 size_t key_count, size_t count, pending_cb *done, void *arg)
{
    struct text args[3 + SCRIPT_MAX_ARGS];
    char digits[TEXT_NUMBER_MAX];
    struct script *script = &scripts->list[name];

    assert(count <= SCRIPT_MAX_ARGS && key_count <= count);
    args[0] = TEXT("EVALSHA");
    args[1] = (struct text){script->sha1, sizeof(script->sha1)};
    args[2] = text_from_number(key_count, digits);
    memcpy(args + 3, keys_and_args, count * sizeof(*args));

    struct call *call = memory_alloc(sizeof(*call));
    call->script = script;
    call->command = command_format(args, 3 + count);
    call->done = done;
    call->arg = arg;
    connection_send(scripts->connection, call->command, on_answer, call);
}
