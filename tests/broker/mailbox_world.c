#include "mailbox_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/metrics.h"

static void on_page(void *arg, const struct page *page)
{
    struct page_seen *seen = arg;

    seen->fired++;
    seen->outcome = page->outcome;
    seen->gap = page->gap;
    seen->position = page->position;
    seen->last = page->last;
    seen->count = page->count;
    seen->is_last = page->is_last;
    ck_assert_uint_le(page->count, PAGE_SEEN_MAX);
    for (size_t i = 0; i < page->count; i++) {
        const struct page_entry *entry = &page->entries[i];

        seen->ids[i] = entry->id;
        seen->has_body[i] = entry->body.at != NULL;
        snprintf(seen->bodies[i], sizeof(seen->bodies[i]), "%.*s", (int)entry->body.len,
                 entry->body.at == NULL ? "" : entry->body.at);
    }
}

const struct page_seen *page_ask(struct world *world, const struct page_request *request)
{
    static struct page_seen seen;

    seen = (struct page_seen){0};
    page_read(world->broker, request, on_page, &seen);
    ck_assert_uint_eq(seen.fired, 0); /* never inside the call */
    WORLD_UNTIL(world, seen.fired > 0);
    return &seen;
}

const struct page_seen *page_behind(struct world *world, struct message_id position)
{
    const struct page_request request = {.user = TEXT("bob"),
                                         .start = PAGE_FROM_POSITION,
                                         .position = position,
                                         .same_epoch = true,
                                         ENTRIES(PAGE_SEEN_MAX)};
    const struct page_seen *seen = page_ask(world, &request);

    ck_assert_int_eq(seen->outcome, BROKER_ANSWERED);
    return seen;
}

const struct page_seen *page_of_device(struct world *world, const char *device)
{
    const struct page_request request = {.user = TEXT("bob"),
                                         .start = PAGE_FROM_CURSOR,
                                         .device = text_of(device),
                                         ENTRIES(PAGE_SEEN_MAX)};
    const struct page_seen *seen = page_ask(world, &request);

    ck_assert_int_eq(seen->outcome, BROKER_ANSWERED);
    return seen;
}

void mailbox_add(struct world *world, const char *key, const char *id, const char *body)
{
    const struct text args[] = {TEXT("XADD"),  text_of(key), text_of(id),  TEXT("m"),
                                text_of(body), TEXT("peer"), TEXT("alice")};

    world_ask_with(world, args, sizeof(args) / sizeof(*args));
}

long metric_value(const char *name)
{
    struct builder out;
    long value = -1;

    builder_init(&out, SIZE_MAX);
    metrics_write(&out);
    struct text rest = builder_text(&out);
    while (rest.len > 0) {
        struct text line = text_split(&rest, '\n');
        struct text found = text_split(&line, ' ');

        if (text_equal(found, text_of(name)))
            value = strtol(line.at, NULL, 10);
    }
    builder_clear(&out);
    ck_assert_int_ge(value, 0);
    return value;
}

const char *cursor_of(struct world *world, const char *device)
{
    const struct text args[] = {TEXT("HGET"), TEXT("parley:cursor:{bob}"), text_of(device)};
    const redisReply *reply = world_ask_with(world, args, 3);

    return reply->type == REDIS_REPLY_STRING ? reply->str : "";
}

void cursors_assert_results(long written, long passed)
{
    ck_assert_int_eq(metric_value("parley_cursors_total{result=\"written\"}"), written);
    ck_assert_int_eq(metric_value("parley_cursors_total{result=\"passed\"}"), passed);
}

static void log_path(const struct world *world, char path[128])
{
    snprintf(path, 128, "%s/log", world->server.dir);
}

void log_begin(struct world *world)
{
    char path[128];

    log_path(world, path);
    int file = open(path, O_CREAT | O_WRONLY | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(file, 0);
    ck_assert_int_ge(dup2(file, STDERR_FILENO), 0); /* each test is a process of its own */
    close(file);
}

unsigned log_count(struct world *world, const char *text)
{
    char path[128];
    char all[65536];
    unsigned count = 0;

    log_path(world, path);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    all[fread(all, 1, sizeof(all) - 1, file)] = '\0';
    fclose(file);
    for (const char *at = strstr(all, text); at != NULL; at = strstr(at + 1, text))
        count++;
    return count;
}

void assert_id(struct message_id id, struct message_id expected)
{
    ck_assert_uint_eq(id.ms, expected.ms);
    ck_assert_uint_eq(id.seq, expected.seq);
}

void mailbox_fill(struct world *world, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%u-1", i);
        mailbox_add(world, MAILBOX, id, id);
    }
}

void assert_page(const struct page_seen *seen, enum page_gap gap, unsigned position, unsigned first,
                 unsigned last)
{
    ck_assert_int_eq(seen->gap, gap);
    assert_id(seen->position, position == 0 ? (struct message_id){0} : ID(position));
    ck_assert_uint_eq(seen->count, last + 1 - first);
    for (unsigned i = 0; i < seen->count; i++) {
        char body[16];

        snprintf(body, sizeof(body), "%u-1", first + i);
        assert_id(seen->ids[i], ID(first + i));
        ck_assert_str_eq(seen->bodies[i], body);
    }
    ck_assert(seen->is_last);
}

void assert_nothing(const struct page_seen *seen, enum page_gap gap, struct message_id position)
{
    ck_assert_int_eq(seen->gap, gap);
    assert_id(seen->position, position);
    ck_assert_uint_eq(seen->count, 0);
    ck_assert(seen->is_last);
}
