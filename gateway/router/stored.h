/* router/stored.h: entries of mailboxes that a client may see, and those that it may not, because
 * somebody wrote to the stream by hand. */
#pragma once

#include "base/text.h"
#include "message/id.h"

/* What is wrong with the whole frame of an entry; NULL when a gateway has written it. */
const char *stored_check(struct text frame);

/* Counts and logs an entry that nobody is shown. `why`: in words. */
void stored_pass_over(struct message_id id, const char *why);
