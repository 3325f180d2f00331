/* broker/cursors.h: how far each device of a user has read, on its way to Redis
 * (scripts/cursor.lua).
 *
 * What moves within a second is gathered, and written with one script for each user. What Redis
 * refuses or does not answer is kept and tried again, unless a key has another type: at most one id
 * for each user and device, and CURSORS_MAX_DEVICES for each user, as Redis keeps no more either.
 */
#pragma once

#include <stdint.h>

#include "broker/broker.h"
#include "message/id.h"

#define CURSORS_MAX_DEVICES 32

struct cursors;

/* loop and broker outlive it, but for the broker's end. Cursors expire after twice the time that
 * mailboxes do; 0: never. Never NULL. */
struct cursors *cursors_new(struct loop *loop, struct broker *broker, int64_t mailbox_ttl_ms);
/* After the broker, which still tells it of what was pending; NULL is allowed. */
void cursors_free(struct cursors *cursors);

/* This device has everything up to `id`: handed to Redis within a second of the first move, or when
 * Redis is back. The texts are copied. Only forward: of several ids the highest is written, and in
 * Redis none that is below what is stored, unless that is above everything in the mailbox. */
void cursors_move(struct cursors *cursors, struct text user, struct text device,
                  struct message_id id);

/* A device of this user may come back at any moment: what has moved is handed to Redis now, unless
 * much else waits there already. */
void cursors_hurry(struct cursors *cursors, struct text user);

/* The broker is up: writes what was kept. To be called before anything is read, so that what was
 * kept is written, or found worthless, before a lower id may come after a reset. */
void cursors_up(struct cursors *cursors);

/* Hands all that is pending to Redis now: before broker_stop(). */
void cursors_flush(struct cursors *cursors);
