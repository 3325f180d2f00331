#include "broker/live.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "broker/internal.h"
#include "message/write.h"

struct live {
    struct broker *broker;
    uint32_t first; /* number of a millisecond */
    struct message_id last;
};

struct publish {
    struct message_id id;
    mailbox_accepted_cb *done;
    void *arg;
};

struct live *live_new(struct broker *broker)
{
    struct live *live = memory_alloc(sizeof(*live));

    live->broker = broker;
    if (getrandom(&live->first, sizeof(live->first), 0) != (ssize_t)sizeof(live->first))
        abort(); /* small requests are neither cut nor interrupted (getrandom(2)) */
    return live;
}

void live_free(struct live *live)
{
    free(live);
}

static struct message_id next_id(struct live *live)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        abort(); /* the clock is there */
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (ms > live->last.ms)
        live->last = (struct message_id){ms, live->first};
    else
        live->last.seq++;
    return live->last;
}

/* The elements that scripts/live.lua answers. */
static bool read_answer(const struct redisReply *reply, struct mailbox_accepted *accepted)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1 ||
        reply->element[0]->type != REDIS_REPLY_INTEGER)
        return false;
    accepted->subscribers = reply->element[0]->integer;
    if (reply->elements > 1 && reply->element[1]->type == REDIS_REPLY_STRING)
        accepted->copy_refusal = (struct text){reply->element[1]->str, reply->element[1]->len};
    return true;
}

static void on_published(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct publish *publish = arg;
    struct mailbox_accepted accepted = {.outcome = outcome, .id = publish->id};

    if (outcome == BROKER_ANSWERED && !read_answer(reply, &accepted)) {
        log_repeated(LOG_LEVEL_ERROR, "redis_answer_wrong", LOG_STRING("script", "live"));
        accepted = (struct mailbox_accepted){.outcome = BROKER_UNANSWERED};
    }
    publish->done(publish->arg, &accepted);
    free(publish);
}

void live_publish(struct live *live, const struct mailbox_message *message,
                  mailbox_accepted_cb *done, void *arg)
{
    const struct keys *keys = broker_keys(live->broker);
    struct builder bytes; /* the arguments, one behind the other */
    size_t ends[4];
    struct text args[4];
    size_t count = 0;
    struct publish *publish = memory_alloc(sizeof(*publish));

    publish->id = next_id(live);
    publish->done = done;
    publish->arg = arg;
    builder_init(&bytes, SIZE_MAX);
    keys_user_channel(keys, message->receiver, &bytes);
    ends[count++] = bytes.len;
    write_message(&bytes, publish->id, message->body);
    ends[count++] = bytes.len;
    if (message->copy) {
        keys_user_channel(keys, message->sender, &bytes);
        ends[count++] = bytes.len;
        write_copy(&bytes, next_id(live), publish->id, message->session, message->ref,
                   message->body);
        ends[count++] = bytes.len;
    }
    for (size_t i = 0, begin = 0; i < count; begin = ends[i++])
        args[i] = (struct text){bytes.data + begin, ends[i] - begin};
    scripts_run(broker_scripts(live->broker), SCRIPT_LIVE, args, 0, count, on_published, publish);
    builder_clear(&bytes);
}
