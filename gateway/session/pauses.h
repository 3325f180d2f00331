/* session/pauses.h: the sessions whose clients are not read, while Redis is behind.
 *
 * Only who sends is paused: the others cost nothing, and their pongs are still heard. It begins at
 * the end of the loop's turn, so that everything that one read(2) brought is handled in one go. */
#pragma once

#include <stddef.h>

#include "base/loop.h"
#include "session/keepalive.h"
#include "session/session.h"

struct pauses;

struct pauses *pauses_new(struct loop *loop, struct keepalive *keepalive); /* never NULL */
void pauses_free(struct pauses *pauses); /* when nobody is paused; NULL is allowed */

/* Stops reading at the end of this turn, and takes the session out of the keepalive: a pong that is
 * not read is no sign of death. Nothing for who is paused already. */
void pauses_add(struct pauses *pauses, struct session *session);
/* Reads again when it was paused; out of the list first, so also of a session that is CLOSING. */
void pauses_remove(struct pauses *pauses, struct session *session);
/* All that are paused are read again, and count as heard, in the order in which they were paused.
 */
void pauses_end(struct pauses *pauses);
