#include "broker/mailbox.h"

#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "broker/internal.h"

struct accept {
    mailbox_accepted_cb *done;
    void *arg;
};

/* What scripts/accept.lua is given and no text of the message is, one behind the other. */
enum name {
    NAME_MAILBOX,
    NAME_CHANNEL,
    NAME_REF_KEY, /* this and the next are empty without a ref */
    NAME_REF_JSON,
    NAME_OWN_MAILBOX, /* this and the next are empty without a copy */
    NAME_OWN_CHANNEL,
    NAME_COUNT
};
struct names {
    struct builder bytes;
    size_t ends[NAME_COUNT];
};

static struct text text_of_reply(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? (struct text){reply->str, reply->len}
                                             : (struct text){0};
}

static bool read_verdict(struct text word, enum mailbox_verdict *verdict)
{
    static const struct text WORDS[] = {TEXT("stored"), TEXT("repeated"), TEXT("conflict")};
    const size_t count = sizeof(WORDS) / sizeof(*WORDS);
    size_t at = 0;

    while (at < count && !text_equal(word, WORDS[at]))
        at++;
    if (at == count)
        return false;
    *verdict = (enum mailbox_verdict)at;
    return true;
}

/* The elements that scripts/accept.lua answers. */
static bool read_answer(const struct redisReply *reply, struct mailbox_accepted *accepted)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3 ||
        !read_verdict(text_of_reply(reply->element[0]), &accepted->verdict) ||
        reply->element[2]->type != REDIS_REPLY_INTEGER)
        return false;
    accepted->subscribers = reply->element[2]->integer;
    if (reply->elements > 3)
        accepted->copy_refusal = text_of_reply(reply->element[3]);
    return message_id_parse(text_of_reply(reply->element[1]), &accepted->id);
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

static void append_names(struct names *names, const struct keys *keys,
                         const struct mailbox_message *message)
{
    struct builder *bytes = &names->bytes;

    keys_mailbox(keys, message->receiver, bytes);
    names->ends[NAME_MAILBOX] = bytes->len;
    keys_user_channel(keys, message->receiver, bytes);
    names->ends[NAME_CHANNEL] = bytes->len;
    if (message->ref.len > 0)
        keys_ref(keys, message->receiver, message->sender, message->ref, bytes);
    names->ends[NAME_REF_KEY] = bytes->len;
    if (message->ref.len > 0)
        builder_append_json(bytes, message->ref);
    names->ends[NAME_REF_JSON] = bytes->len;
    if (message->copy)
        keys_mailbox(keys, message->sender, bytes);
    names->ends[NAME_OWN_MAILBOX] = bytes->len;
    if (message->copy)
        keys_user_channel(keys, message->sender, bytes);
    names->ends[NAME_OWN_CHANNEL] = bytes->len;
}

static struct text name_at(const struct names *names, enum name name)
{
    size_t begin = name == 0 ? 0 : names->ends[name - 1];

    return (struct text){names->bytes.data + begin, names->ends[name] - begin};
}

void mailbox_accept(struct broker *broker, const struct mailbox_message *message,
                    const struct mailbox_bounds *bounds, mailbox_accepted_cb *done, void *arg)
{
    struct names names;
    struct text args[SCRIPT_MAX_ARGS];
    size_t count = 0;
    char max_digits[TEXT_NUMBER_MAX];
    char ttl_digits[TEXT_NUMBER_MAX];
    char ref_ttl_digits[TEXT_NUMBER_MAX];

    builder_init(&names.bytes, SIZE_MAX);
    append_names(&names, broker_keys(broker), message);

    args[count++] = name_at(&names, NAME_MAILBOX);
    if (message->ref.len > 0)
        args[count++] = name_at(&names, NAME_REF_KEY);
    if (message->copy)
        args[count++] = name_at(&names, NAME_OWN_MAILBOX);
    size_t key_count = count;
    args[count++] = name_at(&names, NAME_CHANNEL);
    args[count++] = message->body;
    args[count++] = message->sender;
    args[count++] = message->gateway;
    args[count++] = message->session;
    args[count++] = text_from_number(bounds->max_entries, max_digits);
    args[count++] = text_from_number((uint64_t)bounds->ttl_ms, ttl_digits);
    args[count++] = name_at(&names, NAME_REF_JSON);
    args[count++] = text_from_number((uint64_t)bounds->ref_ttl_ms, ref_ttl_digits);
    if (message->copy) {
        args[count++] = message->receiver;
        args[count++] = name_at(&names, NAME_OWN_CHANNEL);
    }

    struct accept *accept = memory_alloc(sizeof(*accept));
    accept->done = done;
    accept->arg = arg;
    scripts_run(broker_scripts(broker), SCRIPT_ACCEPT, args, key_count, count, on_accepted, accept);
    builder_clear(&names.bytes);
}
