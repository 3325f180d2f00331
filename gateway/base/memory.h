/* base/memory.h: allocation that succeeds or aborts.
 *
 * Sizes that come from outside are checked against a limit before they reach these functions, so
 * running out of memory is not an error that a caller could act on. Everything is freed with
 * free(3). */
#pragma once

#include <stddef.h>

/* Marks a result that says whether it worked: ignoring it is a mistake the compiler reports. */
#define MUST_USE __attribute__((warn_unused_result))

/* Zeroed memory; never NULL, also for a size of 0. */
MUST_USE void *memory_alloc(size_t size);

/* realloc(3): what is new is not zeroed. Never NULL. */
MUST_USE void *memory_resize(void *old, size_t size);

/* A copy of `len` bytes with a NUL behind them, which is not counted. `data` may be NULL when `len`
 * is 0. */
MUST_USE char *memory_copy(const void *data, size_t len);
