/* broker/schema.h: whether everybody on this Redis means the same by its keys.
 *
 * `parley:schema` holds the version of the table of keys and how messages are delivered. The first
 * gateway writes it; one that does not agree would read and write what others do not understand,
 * so its connection for commands never becomes usable: it is dropped and made again, with the
 * backoff, until the key is mended. */
#pragma once

#include "broker/connection.h"
#include "broker/keys.h"

struct schema;

/* `wanted` is ours; all three outlive it. Never NULL. */
struct schema *schema_new(const struct keys *keys, const char *wanted,
                          struct connection *connection);
/* After the connection, which still tells it of what was pending; NULL is allowed. */
void schema_free(struct schema *schema);

/* Writes ours where there is none, and resets the connection when it is another's; in the greeting
 * of the connection, or while it is usable. A mismatch is logged once per value found. */
void schema_check(struct schema *schema);

/* The other schema that was found last, and has not been mended since; else empty. Any bytes; valid
 * until the next turn of the loop. */
struct text schema_found(const struct schema *schema);
