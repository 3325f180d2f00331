/* router/deliver.h: published bytes to the sessions of that user.
 *
 * What a gateway published is passed on as it is, without parsing; anything else found on a
 * channel is scanned once, and dropped and counted when it is not a frame a client may see. */
#pragma once

#include "router/feed.h"
#include "session/registry.h"

struct deliver;

/* max_message: as --max-message, bytes. The registry and the feed outlive it. Never NULL. */
struct deliver *deliver_new(struct registry *registry, struct feed *feed, size_t max_message);
void deliver_free(struct deliver *deliver);

/* Bytes that arrived on this user's channel; borrowed until it returns. */
void deliver_published(struct deliver *deliver, struct text user, struct text bytes);
