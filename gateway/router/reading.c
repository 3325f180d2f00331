#include "router/reading.h"

#include <stdlib.h>

#include "message/write.h"
#include "router/stored.h"

#define USERS_MAX 2

/* One user's page. */
struct part {
    struct reading *reading;
    struct page page;              /* without its entries */
    struct reading_entry *entries; /* with frames that are ours */
    size_t next;
};

struct reading {
    uint64_t session;
    unsigned epoch;
    unsigned missing; /* pages */
    size_t user_count;
    struct part parts[USERS_MAX];
    void (*done)(void *arg, struct reading *reading);
    void *arg;
};

/* NULL when no client may see it. */
static struct buffer *frame_of(const struct page_entry *entry)
{
    struct builder frame;
    struct buffer *bytes = NULL;
    const char *wrong = "no field m";

    builder_init(&frame, SIZE_MAX);
    if (entry->body.at != NULL) {
        write_message(&frame, entry->id, entry->body);
        wrong = stored_check(builder_text(&frame));
    }
    if (wrong == NULL)
        bytes = builder_to_buffer(&frame);
    else
        stored_pass_over(entry->id, wrong);
    builder_clear(&frame);
    return bytes;
}

static void on_page(void *arg, const struct page *page)
{
    struct part *part = arg;
    struct reading *reading = part->reading;
    size_t user = (size_t)(part - reading->parts);

    part->page = *page;
    part->page.entries = NULL;
    if (page->outcome == BROKER_ANSWERED && page->count > 0)
        part->entries = memory_alloc(page->count * sizeof(*part->entries));
    for (size_t i = 0; part->entries != NULL && i < page->count; i++)
        part->entries[i] =
            (struct reading_entry){user, page->entries[i].id, frame_of(&page->entries[i])};
    if (--reading->missing == 0)
        reading->done(reading->arg, reading);
}

void reading_begin(struct broker *broker, const struct session *session,
                   const struct reading_settings *settings)
{
    struct reading *reading = memory_alloc(sizeof(*reading));

    reading->session = session_number(session);
    reading->epoch = settings->epoch;
    reading->done = settings->done;
    reading->arg = settings->arg;
    reading->user_count = session_user_count(session);
    reading->missing = (unsigned)reading->user_count;
    for (size_t user = 0; user < reading->user_count; user++) {
        const struct page_request request = {
            .user = session_user(session, user),
            .start = settings->from_cursor ? PAGE_FROM_CURSOR : PAGE_FROM_POSITION,
            .device = session_device(session),
            .position = session_position(session, user),
            .same_epoch = settings->same_epoch,
            .count = settings->count,
            .room = settings->room,
            .longest = settings->longest,
        };

        reading->parts[user].reading = reading;
        page_read(broker, &request, on_page, &reading->parts[user]);
    }
}

void reading_free(struct reading *reading)
{
    for (size_t user = 0; user < reading->user_count; user++) {
        struct part *part = &reading->parts[user];

        for (size_t i = 0; part->entries != NULL && i < part->page.count; i++)
            buffer_unref(part->entries[i].frame);
        free(part->entries);
    }
    free(reading);
}

uint64_t reading_session(const struct reading *reading)
{
    return reading->session;
}

unsigned reading_epoch(const struct reading *reading)
{
    return reading->epoch;
}

bool reading_is_good(const struct reading *reading)
{
    for (size_t user = 0; user < reading->user_count; user++)
        if (reading->parts[user].page.outcome != BROKER_ANSWERED)
            return false;
    return true;
}

const struct page *reading_page(const struct reading *reading, size_t user)
{
    return &reading->parts[user].page;
}

struct message_id reading_last(const struct reading *reading)
{
    struct message_id last = {0, 0};

    for (size_t user = 0; user < reading->user_count; user++)
        if (message_id_compare(reading->parts[user].page.last, last) > 0)
            last = reading->parts[user].page.last;
    return last;
}

static bool is_empty(const struct part *part)
{
    return part->next == part->page.count;
}

bool reading_next(struct reading *reading, struct reading_entry *entry)
{
    struct part *first = NULL;

    for (size_t user = 0; user < reading->user_count; user++) {
        struct part *part = &reading->parts[user];

        if (!is_empty(part)) {
            if (first == NULL || message_id_compare(part->entries[part->next].id,
                                                    first->entries[first->next].id) < 0)
                first = part;
        } else if (!part->page.is_last) {
            return false; /* what comes behind its page may be the next */
        }
    }
    if (first == NULL)
        return false;
    *entry = first->entries[first->next++];
    return true;
}

bool reading_is_last(const struct reading *reading)
{
    for (size_t user = 0; user < reading->user_count; user++)
        if (!is_empty(&reading->parts[user]) || !reading->parts[user].page.is_last)
            return false;
    return true;
}
