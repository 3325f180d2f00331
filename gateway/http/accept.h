/* http/accept.h: which of two kinds of answer a client would rather have (RFC 9110,
 * section 12.5.1).
 */
#pragma once

#include <stdbool.h>

#include "base/text.h"

/* Whether this value of Accept wants text/html more than text/plain. Programs that take anything,
 * or say nothing, do not. */
bool accept_prefers_html(struct text accept);
