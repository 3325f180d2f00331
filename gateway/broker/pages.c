#include "broker/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "broker/internal.h"

/* What scripts/page.lua answers; the entries come behind, two elements each. */
enum { POSITION, LAST, GAP, IS_LAST, WRONG, ENTRIES };

struct page_call {
    page_cb *done;
    void *arg;
    size_t key_len;
    char key[]; /* the mailbox, for the log */
};

static bool read_id(const struct redisReply *reply, struct message_id *id)
{
    return reply->type == REDIS_REPLY_STRING &&
           message_id_parse((struct text){reply->str, reply->len}, id);
}

static bool read_gap(const struct redisReply *reply, enum page_gap *gap)
{
    static const struct text NAMES[] = {
        [PAGE_NO_GAP] = TEXT("none"), [PAGE_GAP] = TEXT("gap"), [PAGE_RESET] = TEXT("reset")};

    if (reply->type != REDIS_REPLY_STRING)
        return false;
    for (*gap = PAGE_NO_GAP; *gap <= PAGE_RESET; ++*gap)
        if (text_equal(NAMES[*gap], (struct text){reply->str, reply->len}))
            return true;
    return false;
}

/* The entries are the caller's to free. */
static bool read_entries(const struct redisReply *reply, struct page *page,
                         struct page_entry **entries)
{
    if ((reply->elements - ENTRIES) % 2 != 0)
        return false;
    page->count = (reply->elements - ENTRIES) / 2;
    if (page->count > 0)
        page->entries = *entries = memory_alloc(page->count * sizeof(**entries));
    for (size_t i = 0; i < page->count; i++) {
        const struct redisReply *body = reply->element[ENTRIES + 2 * i + 1];

        if (!read_id(reply->element[ENTRIES + 2 * i], &(*entries)[i].id))
            return false;
        if (body->type == REDIS_REPLY_STRING)
            (*entries)[i].body = (struct text){body->str, body->len};
    }
    return true;
}

static bool read_answer(const struct redisReply *reply, struct page *page,
                        struct page_entry **entries)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < ENTRIES ||
        reply->element[IS_LAST]->type != REDIS_REPLY_INTEGER ||
        reply->element[WRONG]->type != REDIS_REPLY_STRING)
        return false;
    page->is_last = reply->element[IS_LAST]->integer == 1;
    return read_id(reply->element[POSITION], &page->position) &&
           read_id(reply->element[LAST], &page->last) &&
           read_gap(reply->element[GAP], &page->gap) && read_entries(reply, page, entries);
}

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct page_call *call = arg;
    struct page page = {.outcome = outcome};
    struct page_entry *entries = NULL;

    if (outcome == BROKER_ANSWERED && !read_answer(reply, &page, &entries)) {
        log_repeated(LOG_LEVEL_ERROR, "redis_answer_wrong", LOG_STRING("script", "page"));
        page = (struct page){.outcome = BROKER_UNANSWERED};
    } else if (outcome == BROKER_ANSWERED && reply->element[WRONG]->len > 0) {
        log_repeated(LOG_LEVEL_WARN, "foreign_key",
                     LOG_TEXT("mailbox", ((struct text){call->key, call->key_len})),
                     LOG_STRING("wrong", reply->element[WRONG]->str));
    }
    call->done(call->arg, &page);
    free(entries);
    free(call);
}

void page_read(struct broker *broker, const struct page_request *request, page_cb *done, void *arg)
{
    const struct keys *keys = broker_keys(broker);
    struct builder names; /* the mailbox, the cursors and the device, one behind the other */
    char position[MESSAGE_ID_TEXT_MAX] = "";
    char count[16];

    builder_init(&names, SIZE_MAX);
    keys_mailbox(keys, request->user, &names);
    size_t mailbox_end = names.len;
    keys_cursor(keys, request->user, &names);
    size_t cursor_end = names.len;
    builder_append_key_part(&names, request->device);
    snprintf(count, sizeof(count), "%u", request->count);
    if (request->start == PAGE_FROM_POSITION)
        message_id_format(request->position, position);

    const struct text args[] = {
        {names.data, mailbox_end},
        {names.data + mailbox_end, cursor_end - mailbox_end},
        text_of(position),
        {names.data + cursor_end, names.len - cursor_end},
        request->same_epoch ? TEXT("1") : TEXT("0"),
        text_of(count),
    };
    struct page_call *call = memory_alloc(sizeof(*call) + mailbox_end);

    call->done = done;
    call->arg = arg;
    call->key_len = mailbox_end;
    memcpy(call->key, names.data, mailbox_end);
    scripts_run(broker_scripts(broker), SCRIPT_PAGE, args, 2, sizeof(args) / sizeof(*args),
                on_answer, call);
    builder_clear(&names);
}
