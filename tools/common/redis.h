/* common/redis.h: questions to Redis, one after the other, each with a deadline.
 *
 * The first failure is the last: what is asked after it is not sent, so that a caller may ask all
 * it wants to know and look at redis_failure() once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/memory.h"
#include "base/text.h"

struct redis;
struct redisReply;

/* Connects to `where` (redis_address_parse() has to know it), with AUTH and SELECT as it says.
 * timeout_ms: for connecting, and for each answer. Never NULL: redis_failure() says how it went. */
MUST_USE struct redis *redis_open(const char *where, int64_t timeout_ms);
void redis_close(struct redis *redis); /* NULL is allowed */

/* NULL while nothing has failed; else one line that names the address and the reason, without a
 * password. Valid until redis_close(). */
const char *redis_failure(const struct redis *redis);

/* The answer to one command, valid until the next one is asked; NULL after a failure. args[0] is
 * the command; with `holds`, args[1] is a key and `holds` what should be behind it, in words
 * ("hash", "sorted set"). An answer of another type (a REDIS_REPLY_… of hiredis) is a failure, but
 * for nil in place of a string. */
const struct redisReply *redis_ask(struct redis *redis, int type, const char *holds,
                                   const struct text *args, size_t count);

/* What an integer or a string of digits says; -1 when it is neither. NULL is allowed. */
int64_t redis_number(const struct redisReply *reply);
/* A string, within `reply`; empty when it is none. NULL is allowed. */
struct text redis_text(const struct redisReply *reply);
