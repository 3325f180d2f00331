#include "broker/read_marks.h"

#include <stdio.h>

#include <hiredis/hiredis.h>

#include "base/metrics.h"
#include "broker/internal.h"

enum move_result { MOVE_MOVED, MOVE_OLD, MOVE_FAILED };
static const char *const move_results[] = {"moved", "old", "failed"};

void read_marks_register_metrics(void)
{
    metrics_label_values(METRIC_READ_MARKS, move_results, 3);
}

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    enum move_result result = MOVE_FAILED;

    (void)arg;
    if (outcome == BROKER_ANSWERED)
        result = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1 ? MOVE_MOVED : MOVE_OLD;
    metrics_add_labelled(METRIC_READ_MARKS, result, 1);
}

void read_mark_move(struct broker *broker, const struct read_mark *mark)
{
    const struct keys *keys = broker_keys(broker);
    struct builder names; /* the keys, the channel and the field, one behind the other */
    char ttl[24];
    char max[16];

    builder_init(&names, SIZE_MAX);
    keys_read(keys, mark->reader, &names);
    size_t key_end = names.len;
    keys_mailbox(keys, mark->reader, &names);
    size_t mailbox_end = names.len;
    keys_user_channel(keys, mark->reader, &names);
    size_t channel_end = names.len;
    builder_append_key_part(&names, mark->peer);
    snprintf(ttl, sizeof(ttl), "%lld", (long long)mark->ttl_ms);
    snprintf(max, sizeof(max), "%d", READ_MARKS_MAX);
    const struct text args[] = {
        {names.data, key_end},
        {names.data + key_end, mailbox_end - key_end},
        {names.data + mailbox_end, channel_end - mailbox_end},
        {names.data + channel_end, names.len - channel_end},
        mark->id,
        mark->frame,
        text_of(ttl),
        text_of(max),
    };
    scripts_run(broker_scripts(broker), SCRIPT_READ, args, 2, sizeof(args) / sizeof(*args),
                on_answer, NULL);
    builder_clear(&names);
}
