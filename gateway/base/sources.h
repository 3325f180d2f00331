/* base/sources.h: where the values of settings come from: the file, the environment, the flags. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/config.h"
#include "base/memory.h"

enum sources_command { SOURCES_RUN, SOURCES_CHECK, SOURCES_HELP, SOURCES_VERSION };

/* Reads all sources over the defaults that `config` holds, the weakest first; all of them are
 * checked, also what a stronger one replaces. With --help or --version in `command` nothing but
 * the flags' names was read. False with one line on `err`. */
MUST_USE bool sources_read(struct config *config, int argc, char *const *argv,
                           char *const *environment, FILE *err, enum sources_command *command);

/* Writes one line that begins with the program's name, whatever bytes are in it. Always false. */
bool sources_complain(FILE *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The arguments for "%.*s" in such a line: no more than it should show of a text. */
#define SHOWN_MAX_BYTES 200
#define SHOWN(text)                                                                                \
    (int)((text).len < SHOWN_MAX_BYTES ? (text).len : SHOWN_MAX_BYTES),                            \
        (text).len > 0 ? (text).at : ""
