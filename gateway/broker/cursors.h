/* broker/cursors.h: how far each device has come, written to Redis (scripts/cursor.lua).
 *
 * Of a device only its newest cursor is kept until Redis has it, so that there is never more than
 * one for each device that was connected:
 *
 *     cursors_move() ──► DELAYED ──a second──► READY ──256 in flight──► ASKED ──answered──►
 * forgotten ▲                                              │ └──────────── moved meanwhile, or no
 * answer ◄──┘ */
#pragma once

#include "base/loop.h"
#include "broker/broker.h"
#include "message/id.h"

struct cursors;

/* mailbox_ttl_ms: cursors live twice as long; 0: for ever. Never NULL. */
struct cursors *cursors_new(struct loop *loop, struct broker *broker, int64_t mailbox_ttl_ms);
void cursors_free(struct cursors *cursors); /* after the broker; NULL is allowed */

/* This device of the user has everything up to `id`. Only forward. All is copied. */
void cursors_move(struct cursors *cursors, struct text user, struct text device,
                  struct message_id id);
/* Redis is back. */
void cursors_up(struct cursors *cursors);
/* Hands all that is kept to Redis, now: the last thing before broker_stop(). */
void cursors_flush(struct cursors *cursors);
