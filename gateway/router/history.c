#include "router/history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"
#include "broker/history.h"
#include "message/write.h"
#include "router/answer.h"
#include "router/stored.h"

#define HEAD_ROOM 1024 /* what an `m` may have beyond --max-message: users and a copy's ref */

enum request_result { REQUEST_ANSWERED, REQUEST_REFUSED, REQUEST_UNAVAILABLE, REQUEST_GONE };
static const char *const request_results[] = {"answered", "refused", "unavailable", "gone"};

enum entry_result { ENTRY_SENT, ENTRY_OTHER, ENTRY_NO_ROOM, ENTRY_WRONG, ENTRY_GONE };
static const char *const entry_results[] = {"sent", "other", "no_room", "wrong", "gone"};

struct history {
    struct history_settings settings;
    struct map *asking; /* the number of each session that waits -> its question */
};

/* What a session waits for. */
struct question {
    struct history *history;
    uint64_t session; /* its number: it may be gone when the answer comes */
    bool has_ref;
    size_t ref_len;
    char ref[PARSE_REF_MAX];
    size_t with_len;
    char with[PARSE_USER_MAX];
};

/* A page that is being made. `frames` holds the messages one behind the other, newest first. */
struct page {
    struct builder frames;
    size_t room_for_first; /* bytes */
    size_t room;           /* for all together, when they are more */
    size_t count;
    size_t wrong;             /* entries that were passed over */
    struct message_id oldest; /* of the messages in it */
    bool is_cut;              /* for want of room */
    size_t ends[HISTORY_ENTRIES_MAX];
};

struct history *history_new(const struct history_settings *settings)
{
    struct history *history = memory_alloc(sizeof(*history));

    history->settings = *settings;
    history->asking = map_new();
    metrics_label_values(METRIC_HISTORY_REQUESTS, request_results, 4);
    metrics_label_values(METRIC_HISTORY_ENTRIES, entry_results, 5);
    return history;
}

void history_free(struct history *history)
{
    if (history == NULL)
        return;
    assert(map_size(history->asking) == 0);
    map_free(history->asking);
    free(history);
}

/* The number of a session as a key of the map, which copies it. */
static struct text key_of(const uint64_t *number)
{
    return (struct text){(const char *)number, sizeof(*number)};
}

static void count_entries(enum entry_result result, size_t count)
{
    metrics_add_labelled(METRIC_HISTORY_ENTRIES, result, (int64_t)count);
}

/* ---- The answer ---- */

static void add_entry(struct page *page, const struct history_entry *entry)
{
    size_t start = page->frames.len;
    const char *wrong = "no peer, or no m of a length that a message may have";

    if (entry->body.at != NULL) {
        write_message(&page->frames, entry->id, entry->body);
        wrong = stored_check((struct text){page->frames.data + start, page->frames.len - start});
    }
    if (wrong == NULL &&
        page->frames.len + page->count <= (page->count == 0 ? page->room_for_first : page->room)) {
        page->ends[page->count++] = page->frames.len;
        page->oldest = entry->id;
        return;
    }
    page->frames.len = start;
    if (wrong != NULL) {
        page->wrong++;
        stored_pass_over(entry->id, wrong);
    } else {
        page->is_cut = true;
    }
}

/* Half of what is free is left for what is pushed meanwhile; the newest message may have all. */
static void set_room(struct page *page, struct session *session)
{
    const struct output *output = session_output(session);
    size_t room = output->limit > output->bytes ? output->limit - output->bytes : 0;

    room = room > WRITE_HISTORY_MAX ? room - WRITE_HISTORY_MAX : 0;
    page->room_for_first = output->count == 0 ? SIZE_MAX : room;
    page->room = room / 2;
}

static void push_page(const struct question *question, struct session *session,
                      const struct page *page, const struct history_page *found)
{
    struct builder frame;

    builder_init(&frame, SIZE_MAX);
    write_history_begin(&frame, (struct text){question->with, question->with_len});
    for (size_t i = page->count; i-- > 0;) {
        size_t start = i == 0 ? 0 : page->ends[i - 1];

        builder_append(&frame, (struct text){page->frames.data + start, page->ends[i] - start});
        if (i > 0)
            builder_append_char(&frame, ',');
    }
    write_history_end(&frame, page->is_cut ? page->oldest : found->next,
                      !page->is_cut && found->is_end, question->has_ref,
                      (struct text){question->ref, question->ref_len});
    answer_push_built(session, &frame);
    builder_clear(&frame);
}

static void tell_unavailable(const struct question *question, struct session *session,
                             struct text message)
{
    metrics_add_labelled(METRIC_HISTORY_REQUESTS, REQUEST_UNAVAILABLE, 1);
    answer_error(session, ERROR_UNAVAILABLE, message, question->has_ref,
                 (struct text){question->ref, question->ref_len});
}

/* As many of the newest as there is room for. */
static void answer(const struct question *question, struct session *session,
                   const struct history_page *found)
{
    struct page *page = memory_alloc(sizeof(*page));

    assert(found->count <= HISTORY_ENTRIES_MAX);
    builder_init(&page->frames, SIZE_MAX);
    set_room(page, session);
    for (size_t i = 0; i < found->count && !page->is_cut; i++)
        add_entry(page, &found->entries[i]);
    count_entries(ENTRY_SENT, page->count);
    count_entries(ENTRY_WRONG, page->wrong);
    count_entries(ENTRY_NO_ROOM, found->count - page->count - page->wrong);
    count_entries(ENTRY_OTHER, found->read - found->count);
    if (page->is_cut && page->count == 0) {
        tell_unavailable(question, session,
                         TEXT("this session has not read what it was sent, and there is no room "
                              "for a message: ask again when it has"));
    } else {
        metrics_add_labelled(METRIC_HISTORY_REQUESTS, REQUEST_ANSWERED, 1);
        push_page(question, session, page, found);
    }
    builder_clear(&page->frames);
    free(page);
}

static void tell_gone(const struct history_page *found)
{
    metrics_add_labelled(METRIC_HISTORY_REQUESTS, REQUEST_GONE, 1);
    count_entries(ENTRY_GONE, found->read);
}

static void on_page(void *arg, const struct history_page *found)
{
    struct question *question = arg;
    struct history *history = question->history;
    struct registry *registry = history->settings.registry;
    struct session *session = registry_find(registry, question->session);

    map_remove(history->asking, key_of(&question->session));
    if (found->outcome != BROKER_ANSWERED)
        tell_unavailable(question, session, TEXT("Redis is not available: ask again later"));
    else if (session == NULL)
        tell_gone(found);
    else
        answer(question, session, found);
    session = registry_find(registry, question->session);
    if (session != NULL)
        session_answered(session);
    free(question);
}

/* ---- The question ---- */

static void ask(struct history *history, struct session *session, const struct request *request)
{
    struct question *question = memory_alloc(sizeof(*question));
    const struct history_request asked = {
        .user = session_user(session, 0),
        .peer = request->with,
        .before = request->before,
        .limit = request->limit,
        .longest = history->settings.max_message + HEAD_ROOM,
    };

    question->history = history;
    question->session = session_number(session);
    question->has_ref = request->has_ref;
    if (request->has_ref) {
        question->ref_len = request->ref.len;
        memcpy(question->ref, request->ref.at, request->ref.len);
    }
    question->with_len = request->with.len;
    memcpy(question->with, request->with.at, request->with.len);
    map_set(history->asking, key_of(&question->session), question);
    session_ask(session);
    history_read(history->settings.broker, &asked, on_page, question);
}

static void refuse(struct session *session, const struct request *request,
                   enum request_result result, enum error_code code, struct text message)
{
    metrics_add_labelled(METRIC_HISTORY_REQUESTS, result, 1);
    answer_error(session, code, message, request->has_ref, request->ref);
}

void history_take(struct history *history, struct session *session, const struct request *request)
{
    uint64_t number = session_number(session);

    if (session_is_pair(session))
        refuse(session, request, REQUEST_REFUSED, ERROR_UNSUPPORTED,
               TEXT("a pair session gets messages only: ask from a native session"));
    else if (!history->settings.durable)
        refuse(session, request, REQUEST_REFUSED, ERROR_UNSUPPORTED,
               TEXT("history: this gateway keeps no messages (--delivery live)"));
    else if (map_get(history->asking, key_of(&number)) != NULL)
        refuse(session, request, REQUEST_REFUSED, ERROR_NOT_ALLOWED,
               TEXT("one history at a time: ask again when the one before is answered"));
    else if (session_is_leaving(session))
        refuse(session, request, REQUEST_UNAVAILABLE, ERROR_UNAVAILABLE,
               TEXT("this gateway stops: connect again and ask there"));
    else if (!broker_is_up(history->settings.broker))
        refuse(session, request, REQUEST_UNAVAILABLE, ERROR_UNAVAILABLE,
               TEXT("Redis is not available: ask again later"));
    else
        ask(history, session, request);
}
