/* parley/words.h: times and numbers as people read them. */
#pragma once

#include <stdint.h>

#include "base/buffer.h"

/* 2026-11-24T07:55:59Z */
void words_append_time(struct builder *out, int64_t unix_ms);
/* `4 s`, `3 min`, `2 h`, `5 d`: rounded down; what is below 0 is 0. */
void words_append_age(struct builder *out, int64_t ms);
/* `1 session`, `2 sessions` */
void words_append_count(struct builder *out, int64_t count, const char *noun);
