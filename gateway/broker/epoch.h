/* broker/epoch.h: which history this Redis has.
 *
 * Its replication id (https://redis.io/docs/latest/operate/oss_and_stack/management/replication/):
 * a replica that is made a master takes a new one, and so does a Redis that was started again. Ids
 * of messages from another epoch may mean nothing in this one. */
#pragma once

#include "broker/connection.h"

struct epoch;

/* `connection` outlives it. Never NULL. */
struct epoch *epoch_new(struct connection *connection);
/* After the connection, which still tells it of what was pending; NULL is allowed. */
void epoch_free(struct epoch *epoch);

/* Asks; in the greeting of the connection. */
void epoch_ask(struct epoch *epoch);
/* Letters and digits; empty while it is not known. */
struct text epoch_name(const struct epoch *epoch);
