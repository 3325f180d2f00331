#include "mailbox.h"

#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/buffer.h"

#define WALK_PAGE "100"
#define WALK_ENTRIES_MAX 1000
#define WALK_BYTES_MAX ((size_t)4 << 20)

/* ---- The stream ---- */

/* Of the newest, or the oldest, entry. */
static struct message_id id_of(const redisReply *entry)
{
    struct message_id id = {0};

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements == 0 ||
        !message_id_parse(redis_text(entry->element[0]), &id))
        return (struct message_id){0};
    return id;
}

static void take_info(struct mailbox *mailbox, struct text name, const redisReply *value)
{
    if (text_equal(name, TEXT("length")))
        mailbox->length = redis_number(value);
    else if (text_equal(name, TEXT("entries-added")))
        mailbox->added = redis_number(value);
    else if (text_equal(name, TEXT("first-entry")))
        mailbox->first = id_of(value);
    else if (text_equal(name, TEXT("last-entry")))
        mailbox->newest = id_of(value);
    else if (text_equal(name, TEXT("last-generated-id")) &&
             !message_id_parse(redis_text(value), &mailbox->last))
        mailbox->last = (struct message_id){0};
}

/* XINFO takes it for an error when there is no stream, and does not say it when there is something
 * else: others ask first. */
static bool is_stream(const struct census *census, struct text key)
{
    const struct text length[] = {TEXT("XLEN"), key};
    const struct text type[] = {TEXT("TYPE"), key};
    const redisReply *reply = redis_ask(census->redis, REDIS_REPLY_INTEGER, "stream", length, 2);

    if (!reply || reply->integer > 0)
        return reply != NULL;
    reply = redis_ask(census->redis, REDIS_REPLY_STATUS, NULL, type, 2);
    return reply && text_equal((struct text){reply->str, reply->len}, TEXT("stream"));
}

struct mailbox mailbox_read(const struct census *census, struct text user)
{
    struct mailbox mailbox = {.added = -1};
    const redisReply *reply = NULL;
    struct builder key;

    builder_init(&key, SIZE_MAX);
    keys_mailbox(census->keys, user, &key);
    const struct text args[] = {TEXT("XINFO"), TEXT("STREAM"), builder_text(&key)};
    mailbox.exists = is_stream(census, builder_text(&key));
    if (mailbox.exists)
        reply = redis_ask(census->redis, REDIS_REPLY_ARRAY, NULL, args, 3);
    for (size_t i = 0; reply && i + 1 < reply->elements; i += 2)
        take_info(&mailbox, redis_text(reply->element[i]), reply->element[i + 1]);
    builder_clear(&key);
    return mailbox;
}

/* ---- Entries ---- */

static void take_field(struct mailbox_entry *entry, struct text name, struct text value)
{
    const struct {
        struct text name;
        struct text *to;
    } fields[] = {
        {TEXT("m"), &entry->message},
        {TEXT("peer"), &entry->peer},
        {TEXT("g"), &entry->gateway},
        {TEXT("s"), &entry->session},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (!fields[i].to->at && text_equal(name, fields[i].name))
            *fields[i].to = census_copy(value);
    }
}

static void take_fields(struct mailbox_entry *entry, const redisReply *fields)
{
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        take_field(entry, redis_text(fields->element[i]), redis_text(fields->element[i + 1]));
}

bool mailbox_read_entry(const struct census *census, struct text user, struct message_id id,
                        struct mailbox_entry *entry)
{
    char string[MESSAGE_ID_TEXT_MAX];
    struct text at = message_id_format(id, string);
    const redisReply *reply;
    struct builder key;
    bool found;

    *entry = (struct mailbox_entry){0};
    builder_init(&key, SIZE_MAX);
    keys_mailbox(census->keys, user, &key);
    const struct text args[] = {TEXT("XRANGE"), builder_text(&key), at, at};
    reply = redis_ask(census->redis, REDIS_REPLY_ARRAY, "stream", args, 4);
    found = reply && reply->elements == 1 && reply->element[0]->elements == 2;
    if (found)
        take_fields(entry, reply->element[0]->element[1]);
    builder_clear(&key);
    return found;
}

void mailbox_entry_clear(struct mailbox_entry *entry)
{
    free((void *)(uintptr_t)entry->message.at);
    free((void *)(uintptr_t)entry->peer.at);
    free((void *)(uintptr_t)entry->gateway.at);
    free((void *)(uintptr_t)entry->session.at);
}

/* ---- Many of them ---- */

static size_t size_of(const redisReply *fields)
{
    size_t size = 0;

    for (size_t i = 0; i < fields->elements; i++)
        size += redis_text(fields->element[i]).len;
    return size;
}

/* The next page, from `end` on downwards, which is an id, or one in brackets when it is not to be
 * among them. */
static const redisReply *read_page(const struct census *census, struct text key, struct text end)
{
    const struct text args[] = {TEXT("XREVRANGE"), key,           end,
                                TEXT("-"),         TEXT("COUNT"), TEXT(WALK_PAGE)};

    return redis_ask(census->redis, REDIS_REPLY_ARRAY, "stream", args, 6);
}

void mailbox_walk(const struct census *census, struct text user, struct message_id from,
                  bool (*take)(void *arg, struct message_id id), void *arg)
{
    char end[1 + MESSAGE_ID_TEXT_MAX];
    struct text at = message_id_format(from, end);
    const redisReply *page;
    size_t entries = 0;
    size_t bytes = 0;
    struct builder key;
    bool goes_on = true;

    builder_init(&key, SIZE_MAX);
    keys_mailbox(census->keys, user, &key);
    while (goes_on && entries < WALK_ENTRIES_MAX && bytes < WALK_BYTES_MAX) {
        struct message_id id = {0};

        page = read_page(census, builder_text(&key), at);
        if (!page || page->elements == 0)
            break;
        for (size_t i = 0; i < page->elements && goes_on; i++) {
            const redisReply *entry = page->element[i];

            id = id_of(entry);
            if (entry->elements == 2)
                bytes += size_of(entry->element[1]);
            goes_on = take(arg, id);
        }
        entries += page->elements;
        end[0] = '(';
        at = message_id_format(id, end + 1);
        at = (struct text){end, at.len + 1};
    }
    builder_clear(&key);
}
