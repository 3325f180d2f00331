/* router/answer.h: what a session is told for itself: answers, errors, and what it must not miss.
 */
#pragma once

#include "base/buffer.h"
#include "message/errors.h"
#include "session/session.h"

/* Closes a session that does not read with CLOSE_SLOW. Nothing when it is CLOSING. */
void answer_close_slow(struct session *session);

/* Queues a frame. A session with no room for it is slow, and closed: it would wait for ever, or
 * believe what is not so any more. Nothing when it is CLOSING. */
void answer_push(struct session *session, struct buffer *frame);
/* The same with what was built; `frame` is empty then and goes on. */
void answer_push_built(struct session *session, struct builder *frame);

/* Tells that messages after the session's position are not stored any more, or, with `reset`, that
 * ids begin anew, in this epoch (broker_epoch()). A pair session is told nothing. */
void answer_gap(struct session *session, struct message_id last, bool reset, struct text epoch);

/* Counts the error and tells it to the session, which is NULL when it is not there any more. For a
 * pair session it is logged instead, with both ids. */
void answer_error(struct session *session, enum error_code code, struct text message, bool has_ref,
                  struct text ref);
