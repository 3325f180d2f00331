#include "broker/mailbox.h"

#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "broker/internal.h"

struct accept {
    mailbox_accepted_cb *done;
    void *arg;
};

/* The two elements that scripts/accept.lua answers. */
static bool read_answer(const struct redisReply *reply, struct mailbox_accepted *accepted)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        return false;
    const struct redisReply *id = reply->element[0];
    const struct redisReply *subscribers = reply->element[1];
    if (id->type != REDIS_REPLY_STRING || subscribers->type != REDIS_REPLY_INTEGER)
        return false;
    accepted->subscribers = subscribers->integer;
    return message_id_parse((struct text){id->str, id->len}, &accepted->id);
}

static void on_accepted(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct accept *accept = arg;
    struct mailbox_accepted accepted = {.outcome = outcome};

    if (outcome == BROKER_ANSWERED && !read_answer(reply, &accepted)) {
        log_repeated(LOG_LEVEL_ERROR, "redis_answer_wrong", LOG_STRING("script", "accept"));
        accepted = (struct mailbox_accepted){.outcome = BROKER_UNANSWERED};
    }
    accept->done(accept->arg, &accepted);
    free(accept);
}

void mailbox_accept(struct broker *broker, const struct mailbox_message *message,
                    unsigned max_entries, int64_t ttl_ms, mailbox_accepted_cb *done, void *arg)
{
    const struct keys *keys = broker_keys(broker);
    struct builder names; /* the mailbox and the channel, one behind the other */
    char max_text[24];
    char ttl_text[24];

    builder_init(&names, SIZE_MAX);
    keys_mailbox(keys, message->receiver, &names);
    size_t mailbox_len = names.len;
    keys_user_channel(keys, message->receiver, &names);
    snprintf(max_text, sizeof(max_text), "%u", max_entries);
    snprintf(ttl_text, sizeof(ttl_text), "%lld", (long long)ttl_ms);
    const struct text args[] = {
        {names.data, mailbox_len},
        {names.data + mailbox_len, names.len - mailbox_len},
        message->body,
        message->sender,
        message->gateway,
        message->session,
        text_of(max_text),
        text_of(ttl_text),
    };

    struct accept *accept = memory_alloc(sizeof(*accept));
    accept->done = done;
    accept->arg = arg;
    scripts_run(broker_scripts(broker), SCRIPT_ACCEPT, args, 1, sizeof(args) / sizeof(*args),
                on_accepted, accept);
    builder_clear(&names);
}
