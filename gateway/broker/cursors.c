#include "broker/cursors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/delay.h"
#include "base/map.h"
#include "base/metrics.h"
#include "broker/internal.h"

#define DELAY_MS 1000
#define IN_FLIGHT_MAX 256
#define DEVICES_MAX "32" /* of a user */

enum place { DELAYED, READY, ASKED };

struct cursor {
    struct cursors *cursors;
    enum place place;
    struct delay_link delay;  /* DELAYED */
    TAILQ_ENTRY(cursor) link; /* READY */
    struct message_id id;     /* the newest */
    struct message_id asked;  /* ASKED */
    struct text user;         /* these two, one behind the other, are its key in the map */
    struct text device;
    size_t key_len;
    char key[]; /* the user, a NUL, which no id has, and the device */
};

TAILQ_HEAD(cursor_list, cursor);

struct cursors {
    struct broker *broker;
    struct map *by_device;
    struct delay *delay;
    struct cursor_list ready;
    size_t in_flight;
    char ttl[24];
    bool flushing;
};

enum cursor_result { CURSOR_SET, CURSOR_OLD, CURSOR_BEYOND, CURSOR_FOREIGN, CURSOR_RESULT_COUNT };
static const char *const results[] = {"set", "old", "beyond", "foreign"};

static void forget(struct cursor *cursor)
{
    map_remove(cursor->cursors->by_device, (struct text){cursor->key, cursor->key_len});
    metrics_add(METRIC_CURSORS_PENDING, -1);
    free(cursor);
}

static void delay(struct cursor *cursor)
{
    cursor->place = DELAYED;
    delay_add(cursor->cursors->delay, &cursor->delay);
}

static void count(const struct redisReply *reply)
{
    for (size_t i = 0; reply->type == REDIS_REPLY_STRING && i < CURSOR_RESULT_COUNT; i++)
        if (text_equal(text_of(results[i]), (struct text){reply->str, reply->len}))
            metrics_add_labelled(METRIC_CURSORS, i, 1);
}

static void write_ready(struct cursors *cursors);

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct cursor *cursor = arg;
    struct cursors *cursors = cursor->cursors;

    cursors->in_flight--;
    if (outcome == BROKER_ANSWERED) {
        count(reply);
        if (message_id_compare(cursor->id, cursor->asked) == 0)
            forget(cursor);
        else
            delay(cursor);
    } else {
        delay(cursor);
    }
    write_ready(cursors);
}

static void write_one(struct cursors *cursors, struct cursor *cursor)
{
    const struct keys *keys = broker_keys(cursors->broker);
    char id[MESSAGE_ID_TEXT_MAX];
    struct builder names; /* the cursors, the mailbox and the device, one behind the other */

    cursor->place = ASKED;
    cursor->asked = cursor->id;
    cursors->in_flight++;
    builder_init(&names, SIZE_MAX);
    keys_cursor(keys, cursor->user, &names);
    size_t cursor_end = names.len;
    keys_mailbox(keys, cursor->user, &names);
    size_t mailbox_end = names.len;
    builder_append_key_part(&names, cursor->device);
    const struct text args[] = {
        {names.data, cursor_end},
        {names.data + cursor_end, mailbox_end - cursor_end},
        {names.data + mailbox_end, names.len - mailbox_end},
        message_id_format(cursor->id, id),
        text_of(cursors->ttl),
        TEXT(DEVICES_MAX),
    };

    scripts_run(broker_scripts(cursors->broker), SCRIPT_CURSOR, args, 2,
                sizeof(args) / sizeof(*args), on_answer, cursor);
    builder_clear(&names);
}

static void write_ready(struct cursors *cursors)
{
    struct cursor *cursor;

    while ((cursors->in_flight < IN_FLIGHT_MAX || cursors->flushing) &&
           (broker_is_up(cursors->broker) || cursors->flushing) &&
           (cursor = TAILQ_FIRST(&cursors->ready)) != NULL) {
        TAILQ_REMOVE(&cursors->ready, cursor, link);
        write_one(cursors, cursor);
    }
}

static void on_due(void *arg, struct delay_link *link)
{
    struct cursors *cursors = arg;
    struct cursor *cursor =
        (struct cursor *)(void *)((char *)link - offsetof(struct cursor, delay));

    cursor->place = READY;
    TAILQ_INSERT_TAIL(&cursors->ready, cursor, link);
    write_ready(cursors);
}

struct cursors *cursors_new(struct loop *loop, struct broker *broker, int64_t mailbox_ttl_ms)
{
    struct cursors *cursors = memory_alloc(sizeof(*cursors));

    cursors->broker = broker;
    cursors->by_device = map_new();
    cursors->delay = delay_new(loop, DELAY_MS, on_due, cursors);
    TAILQ_INIT(&cursors->ready);
    snprintf(cursors->ttl, sizeof(cursors->ttl), "%lld", 2 * (long long)mailbox_ttl_ms);
    metrics_label_values(METRIC_CURSORS, results, CURSOR_RESULT_COUNT);
    return cursors;
}

static void free_cursor(void *arg, struct text key, void *value)
{
    struct cursors *cursors = arg;
    struct cursor *cursor = value;

    (void)key;
    delay_remove(cursors->delay, &cursor->delay);
    forget(cursor);
}

void cursors_free(struct cursors *cursors)
{
    if (cursors == NULL)
        return;
    map_each(cursors->by_device, free_cursor, cursors);
    map_free(cursors->by_device);
    delay_free(cursors->delay);
    free(cursors);
}

static struct cursor *cursor_new(struct cursors *cursors, struct text key, size_t user_len)
{
    struct cursor *cursor = memory_alloc(sizeof(*cursor) + key.len);

    cursor->cursors = cursors;
    memcpy(cursor->key, key.at, key.len);
    cursor->key_len = key.len;
    cursor->user = (struct text){cursor->key, user_len};
    cursor->device = (struct text){cursor->key + user_len + 1, key.len - user_len - 1};
    map_set(cursors->by_device, key, cursor);
    metrics_add(METRIC_CURSORS_PENDING, 1);
    delay(cursor);
    return cursor;
}

void cursors_move(struct cursors *cursors, struct text user, struct text device,
                  struct message_id id)
{
    struct builder key;
    struct cursor *cursor;

    if (id.ms == 0 && id.seq == 0)
        return;
    builder_init(&key, SIZE_MAX);
    builder_append(&key, user);
    builder_append_char(&key, '\0');
    builder_append(&key, device);
    cursor = map_get(cursors->by_device, builder_text(&key));
    if (cursor == NULL)
        cursor = cursor_new(cursors, builder_text(&key), user.len);
    if (message_id_compare(id, cursor->id) > 0)
        cursor->id = id;
    builder_clear(&key);
}

void cursors_up(struct cursors *cursors)
{
    write_ready(cursors);
}

static void make_ready(void *arg, struct text key, void *value)
{
    struct cursors *cursors = arg;
    struct cursor *cursor = value;

    (void)key;
    if (cursor->place != DELAYED)
        return;
    delay_remove(cursors->delay, &cursor->delay);
    cursor->place = READY;
    TAILQ_INSERT_TAIL(&cursors->ready, cursor, link);
}

void cursors_flush(struct cursors *cursors)
{
    cursors->flushing = true;
    map_each(cursors->by_device, make_ready, cursors);
    write_ready(cursors);
}
