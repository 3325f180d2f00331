/* broker/epoch.h: in which epoch Redis is.
 *
 * The id of its history of writes: another one after a fail-over, and after each start. An id of a
 * message that is not stored any more means nothing in another epoch than the one it came from. */
#pragma once

#include "broker/connection.h"

struct epoch;

struct epoch *epoch_new(struct connection *connection); /* which outlives it; never NULL */
/* After the connection, which still tells it of what was pending; NULL is allowed. */
void epoch_free(struct epoch *epoch);

/* Asks; in the greeting of the connection. What cannot be known is logged, once. */
void epoch_ask(struct epoch *epoch);

/* As it was when the connection was made; empty until known, or where INFO is not permitted. Hex
 * digits; valid until the next turn of the loop. */
struct text epoch_text(const struct epoch *epoch);
