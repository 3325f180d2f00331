/* broker/command.h: commands to Redis as bytes (RESP2), and what to log of its errors. */
#pragma once

#include <stddef.h>

#include "base/memory.h"
#include "base/text.h"

struct redisReply;

#define COMMAND_MAX_ARGS 512 /* the name of the command included */
#define COMMAND_ERROR_MAX 160

/* The command of `count` arguments, at most COMMAND_MAX_ARGS, any bytes. The caller frees
 * result.at with command_free(). */
MUST_USE struct text command_format(const struct text *args, size_t count);
void command_free(struct text command);
/* The argument at `index`, from 0, of such a command; it points into it. There must be one. */
struct text command_argument(struct text command, size_t index);

/* The text of an error reply for the log, as far as it fits: without what Redis quotes of an
 * unknown command, which may be a message or a password. The result is `out`. */
const char *command_error_text(const struct redisReply *error, char out[COMMAND_ERROR_MAX]);
