#include "broker/history.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "broker/internal.h"

#define HEAD 3 /* elements of the answer before the entries */

struct read {
    history_cb *done;
    void *arg;
};

static bool read_id(const struct redisReply *reply, struct message_id *id)
{
    return reply->type == REDIS_REPLY_STRING &&
           message_id_parse((struct text){reply->str, reply->len}, id);
}

static bool read_head(struct redisReply *const *head, struct history_page *page)
{
    if (head[0]->type != REDIS_REPLY_INTEGER || !read_id(head[1], &page->next) ||
        head[2]->type != REDIS_REPLY_INTEGER || head[2]->integer < 0)
        return false;
    page->is_end = head[0]->integer == 1;
    page->read = (size_t)head[2]->integer;
    return true;
}

/* `entries` has room for all there are. */
static bool read_answer(const struct redisReply *reply, struct history_page *page,
                        struct history_entry *entries)
{
    if (reply->elements < HEAD || (reply->elements - HEAD) % 2 != 0 ||
        !read_head(reply->element, page))
        return false;
    page->entries = entries;
    page->count = (reply->elements - HEAD) / 2;
    if (page->count > page->read || page->read > HISTORY_ENTRIES_MAX)
        return false;
    for (size_t i = 0; i < page->count; i++) {
        const struct redisReply *body = reply->element[HEAD + 2 * i + 1];

        if (!read_id(reply->element[HEAD + 2 * i], &entries[i].id))
            return false;
        if (body->type == REDIS_REPLY_STRING)
            entries[i].body = (struct text){body->str, body->len};
        else if (body->type != REDIS_REPLY_NIL)
            return false;
    }
    return true;
}

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct read *read = arg;
    struct history_page page = {.outcome = outcome};
    struct history_entry *entries = NULL;

    if (outcome == BROKER_ANSWERED) {
        if (reply->type == REDIS_REPLY_ARRAY)
            entries = memory_alloc((reply->elements / 2 + 1) * sizeof(*entries));
        if (entries == NULL || !read_answer(reply, &page, entries)) {
            log_repeated(LOG_LEVEL_ERROR, "redis_answer_wrong", LOG_STRING("script", "history"));
            page = (struct history_page){.outcome = BROKER_UNANSWERED};
        }
    }
    read->done(read->arg, &page);
    free(entries);
    free(read);
}

void history_read(struct broker *broker, const struct history_request *request, history_cb *done,
                  void *arg)
{
    struct read *read = memory_alloc(sizeof(*read));
    struct builder mailbox;
    char limit[16];
    char entries[16];
    char bytes[16];
    char longest[24];

    assert(request->limit > 0);
    read->done = done;
    read->arg = arg;
    builder_init(&mailbox, SIZE_MAX);
    keys_mailbox(broker_keys(broker), request->user, &mailbox);
    snprintf(limit, sizeof(limit), "%u", request->limit);
    snprintf(entries, sizeof(entries), "%d", HISTORY_ENTRIES_MAX);
    snprintf(bytes, sizeof(bytes), "%d", HISTORY_BYTES_MAX);
    snprintf(longest, sizeof(longest), "%zu", request->longest);
    const struct text args[] = {
        builder_text(&mailbox), request->before, request->peer,    text_of(limit),
        text_of(entries),       text_of(bytes),  text_of(longest),
    };
    scripts_run(broker_scripts(broker), SCRIPT_HISTORY, args, 1, sizeof(args) / sizeof(*args),
                on_answer, read);
    builder_clear(&mailbox);
}
