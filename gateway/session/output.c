#include "session/output.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

#define SMALLEST_CAPACITY 8

void output_init(struct output *output, size_t limit)
{
    *output = (struct output){.limit = limit};
}

void output_clear(struct output *output)
{
    while (output->count > 0)
        output_shift(output);
}

/* The one that is `nth` after the oldest. */
static struct output_item *item_at(const struct output *output, unsigned nth)
{
    return &output->items[(output->first + nth) % output->capacity];
}

static void grow(struct output *output)
{
    unsigned capacity = output->capacity > 0 ? 2 * output->capacity : SMALLEST_CAPACITY;
    struct output_item *items = memory_alloc(capacity * sizeof(*items));
    for (unsigned i = 0; i < output->count; i++)
        items[i] = *item_at(output, i);
    free(output->items);
    output->items = items;
    output->first = 0;
    output->capacity = capacity;
}

bool output_push(struct output *output, const struct output_item *item)
{
    size_t len = buffer_text(item->frame).len;
    if (output->count > 0 && output->bytes + len > output->limit)
        return false;
    if (output->count == output->capacity)
        grow(output);
    *item_at(output, output->count) = *item;
    buffer_ref(item->frame);
    output->count++;
    output->messages += item->is_message;
    output->bytes += len;
    return true;
}

const struct output_item *output_front(const struct output *output)
{
    return output->count == 0 ? NULL : item_at(output, 0);
}

void output_forget_ids(struct output *output, unsigned char user)
{
    for (unsigned nth = 0; nth < output->count; nth++)
        if (item_at(output, nth)->user == user)
            item_at(output, nth)->id = (struct message_id){0, 0};
}

void output_shift(struct output *output)
{
    assert(output->count > 0);
    struct output_item oldest = *item_at(output, 0);
    output->bytes -= buffer_text(oldest.frame).len;
    output->messages -= oldest.is_message;
    buffer_unref(oldest.frame);
    output->count--;
    output->first = (output->first + 1) % output->capacity;
    if (output->count == 0) {
        free(output->items);
        output->items = NULL;
        output->first = 0;
        output->capacity = 0;
    }
}
