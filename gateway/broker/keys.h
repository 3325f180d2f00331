/* broker/keys.h: the name of every key and channel in Redis. No other file spells one.
 *
 * `{…}` is the hash tag of Redis Cluster: what belongs to one user lives in one slot. Ids are
 * percent-encoded (builder_append_key_part()), so that no id can break a key. */
#pragma once

#include "base/buffer.h"

/* The version of these names and of what is behind them, and how messages are delivered
 * (--delivery): what keys_schema() may hold. Gateways of one Redis agree on one of them. */
#define SCHEMA_DURABLE "1 durable"
#define SCHEMA_LIVE "1 live"

/* In front of a member of keys_gateways() that is dead and being cleaned up after. */
#define LEASE_DEAD_PREFIX "dead:"

struct keys;

struct keys *keys_new(const char *prefix); /* never NULL */
void keys_free(struct keys *keys);

/* Each appends one name to `out`. */
void keys_user_channel(const struct keys *keys, struct text user, struct builder *out);
void keys_mailbox(const struct keys *keys, struct text user, struct builder *out);
void keys_cursor(const struct keys *keys, struct text user, struct builder *out);
/* What this ref of this sender, for messages to `receiver`, got. */
void keys_ref(const struct keys *keys, struct text receiver, struct text sender, struct text ref,
              struct builder *out);
void keys_presence(const struct keys *keys, struct text user, struct builder *out);
void keys_presence_events_channel(const struct keys *keys, struct text user, struct builder *out);
void keys_read(const struct keys *keys, struct text user, struct builder *out); /* read up to */
void keys_seen(const struct keys *keys, struct text user, struct builder *out);
void keys_gateway_channel(const struct keys *keys, struct text incarnation, struct builder *out);
void keys_gateway_users(const struct keys *keys, struct text incarnation, struct builder *out);
void keys_gateways(const struct keys *keys, struct builder *out); /* the set of leases */
void keys_schema(const struct keys *keys, struct builder *out);

/* Whether a gateway of this version may have written it into keys_schema(). */
bool keys_is_schema(const char *found);

/* The user whose channel this is, decoded into `out`. False when it is no channel of that kind. */
MUST_USE bool keys_user_of_channel(const struct keys *keys, struct text channel,
                                   struct builder *out);
MUST_USE bool keys_user_of_presence_events_channel(const struct keys *keys, struct text channel,
                                                   struct builder *out);
