#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void *or_abort(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

void *memory_alloc(size_t size)
{
    return or_abort(calloc(1, size > 0 ? size : 1));
}

void *memory_resize(void *old, size_t size)
{
    /* realloc(old, 0) may free and answer NULL (C17, 7.22.3.5). */
    return or_abort(realloc(old, size > 0 ? size : 1));
}

char *memory_copy(const void *data, size_t len)
{
    char *copy = or_abort(malloc(len + 1));
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}
