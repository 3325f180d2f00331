#include "session/output.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

#define SMALLEST_CAPACITY 8

struct output_entry {
    struct buffer *buffer;
    uint64_t ts_ms;
};

void output_init(struct output *output, size_t limit)
{
    *output = (struct output){.limit = limit};
}

void output_clear(struct output *output)
{
    while (output->count > 0)
        output_shift(output);
}

/* The entry that is `nth` after the oldest. */
static struct output_entry *entry_at(const struct output *output, unsigned nth)
{
    return &output->entries[(output->first + nth) % output->capacity];
}

static void grow(struct output *output)
{
    unsigned capacity = output->capacity > 0 ? 2 * output->capacity : SMALLEST_CAPACITY;
    struct output_entry *entries = memory_alloc(capacity * sizeof(*entries));
    for (unsigned i = 0; i < output->count; i++)
        entries[i] = *entry_at(output, i);
    free(output->entries);
    output->entries = entries;
    output->first = 0;
    output->capacity = capacity;
}

bool output_push(struct output *output, struct buffer *buffer, uint64_t ts_ms)
{
    size_t len = buffer_text(buffer).len;
    if (len > output->limit - output->bytes)
        return false;
    if (output->count == output->capacity)
        grow(output);
    *entry_at(output, output->count) = (struct output_entry){buffer_ref(buffer), ts_ms};
    output->count++;
    output->bytes += len;
    return true;
}

struct buffer *output_front(const struct output *output, uint64_t *ts_ms)
{
    if (output->count == 0)
        return NULL;
    struct output_entry *oldest = entry_at(output, 0);
    *ts_ms = oldest->ts_ms;
    return oldest->buffer;
}

void output_shift(struct output *output)
{
    assert(output->count > 0);
    struct buffer *oldest = entry_at(output, 0)->buffer;
    output->bytes -= buffer_text(oldest).len;
    buffer_unref(oldest);
    output->count--;
    output->first = (output->first + 1) % output->capacity;
    if (output->count == 0) {
        free(output->entries);
        output->entries = NULL;
        output->first = 0;
        output->capacity = 0;
    }
}
