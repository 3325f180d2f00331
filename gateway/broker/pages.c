#include "broker/pages.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "broker/internal.h"

#define HEAD 5 /* elements of the answer before the entries */

struct read {
    struct builder names; /* the keys, one behind the other, then user and device for the log */
    size_t user_at;
    size_t device_at;
    page_cb *done;
    void *arg;
};

/* ---- The answer of scripts/page.lua ---- */

static bool read_id(const struct redisReply *reply, struct message_id *id)
{
    return reply->type == REDIS_REPLY_STRING &&
           message_id_parse((struct text){reply->str, reply->len}, id);
}

static bool read_flag(const struct redisReply *reply, bool *flag)
{
    if (reply->type != REDIS_REPLY_INTEGER)
        return false;
    *flag = reply->integer == 1;
    return true;
}

static bool read_gap(const struct redisReply *reply, enum page_gap *gap)
{
    static const char *const NAMES[] = {"none", "gap", "reset"};

    for (size_t i = 0; reply->type == REDIS_REPLY_STRING && i < sizeof(NAMES) / sizeof(*NAMES); i++)
        if (text_equal((struct text){reply->str, reply->len}, text_of(NAMES[i]))) {
            *gap = (enum page_gap)i;
            return true;
        }
    return false;
}

static bool read_entry(const struct redisReply *id, const struct redisReply *body,
                       struct page_entry *entry)
{
    if (body->type == REDIS_REPLY_STRING)
        entry->body = (struct text){body->str, body->len};
    else if (body->type != REDIS_REPLY_NIL)
        return false;
    return read_id(id, &entry->id);
}

/* `entries` has room for all there are. */
static bool read_answer(const struct redisReply *reply, struct page *page,
                        struct page_entry *entries, struct text *wrong)
{
    struct redisReply **at = reply->element;

    if (reply->elements < HEAD || (reply->elements - HEAD) % 2 != 0 ||
        !read_gap(at[0], &page->gap) || !read_id(at[1], &page->position) ||
        !read_id(at[2], &page->last) || !read_flag(at[3], &page->is_last) ||
        at[4]->type != REDIS_REPLY_STRING)
        return false;
    *wrong = (struct text){at[4]->str, at[4]->len};
    page->entries = entries;
    page->count = (reply->elements - HEAD) / 2;
    for (size_t i = 0; i < page->count; i++)
        if (!read_entry(at[HEAD + 2 * i], at[HEAD + 2 * i + 1], &entries[i]))
            return false;
    return true;
}

static void log_wrong(const struct read *read, struct text wrong)
{
    struct text all = builder_text(&read->names);
    struct text user = {all.at + read->user_at, read->device_at - read->user_at};
    struct text device = {all.at + read->device_at, all.len - read->device_at};

    if (text_equal(wrong, TEXT("mailbox")))
        log_repeated(LOG_LEVEL_WARN, "mailbox_foreign", LOG_TEXT("user", user));
    else if (wrong.len > 0)
        log_repeated(LOG_LEVEL_WARN, "cursor_invalid", LOG_TEXT("user", user),
                     LOG_TEXT("device", device));
}

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct read *read = arg;
    struct page page = {.outcome = outcome};
    struct page_entry *entries = NULL;

    if (outcome == BROKER_ANSWERED) {
        struct text wrong;

        if (reply->type == REDIS_REPLY_ARRAY)
            entries = memory_alloc((reply->elements / 2 + 1) * sizeof(*entries));
        if (entries == NULL || !read_answer(reply, &page, entries, &wrong)) {
            log_repeated(LOG_LEVEL_ERROR, "redis_answer_wrong", LOG_STRING("script", "page"));
            page = (struct page){.outcome = BROKER_UNANSWERED};
        } else {
            log_wrong(read, wrong);
        }
    }
    read->done(read->arg, &page);
    free(entries);
    builder_clear(&read->names);
    free(read);
}

/* ---- The question ---- */

void page_read(struct broker *broker, const struct page_request *request, page_cb *done, void *arg)
{
    const struct keys *keys = broker_keys(broker);
    bool from_cursor = request->start == PAGE_FROM_CURSOR;
    struct read *read = memory_alloc(sizeof(*read));
    char position[MESSAGE_ID_TEXT_MAX];
    char count[16];
    char room[24];
    char longest[24];
    struct builder device;

    assert(request->count > 0 && request->longest > 0);
    read->done = done;
    read->arg = arg;
    builder_init(&read->names, SIZE_MAX);
    keys_mailbox(keys, request->user, &read->names);
    size_t mailbox_len = read->names.len;
    keys_cursor(keys, request->user, &read->names);
    read->user_at = read->names.len;
    builder_append(&read->names, request->user);
    read->device_at = read->names.len;
    builder_init(&device, SIZE_MAX);
    if (from_cursor) {
        builder_append(&read->names, request->device);
        builder_append_key_part(&device, request->device);
    }
    snprintf(count, sizeof(count), "%u", request->count);
    snprintf(room, sizeof(room), "%zu", request->room);
    snprintf(longest, sizeof(longest), "%zu", request->longest);
    const struct text args[] = {
        {read->names.data, mailbox_len},
        {read->names.data + mailbox_len, read->user_at - mailbox_len},
        from_cursor ? TEXT("") : message_id_format(request->position, position),
        builder_text(&device),
        request->same_epoch ? TEXT("1") : TEXT("0"),
        text_of(count),
        text_of(room),
        text_of(longest),
    };
    scripts_run(broker_scripts(broker), SCRIPT_PAGE, args, 2, sizeof(args) / sizeof(*args),
                on_answer, read);
    builder_clear(&device);
}
