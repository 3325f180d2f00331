/* base/config.h: every setting, once: flag, environment variable, line of a file, default, range.
 *
 * `--mailbox-max 500`, `--mailbox-max=500`, `PARLEY_MAILBOX_MAX=500` and a line `mailbox-max = 500`
 * of the file named by --config (or PARLEY_CONFIG) mean the same; the flag wins over the
 * environment, that over the file, that over the default. Durations take ms, s, m, h, d and a bare
 * number is seconds; sizes take KiB, MiB and a bare number is bytes. Unknown names are errors, also
 * of variables that begin with PARLEY_ (but for PARLEY_URL, the terminal client's). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/address.h"
#include "base/log.h"

/* What becomes of a message besides being pushed to who is connected: it is stored, or nothing. */
enum delivery { DELIVERY_DURABLE, DELIVERY_LIVE };

struct config {
    int port;     /* 0: the system picks one */
    char *listen; /* an address; never NULL after loading */
    bool reuse_port;
    char *admin_listen; /* ADDRESS:PORT, or NULL: the admin paths are on the public port */
    char *redis;        /* as given; read with redis_address_parse() */
    char *id;
    char *prefix;
    enum delivery delivery;
    unsigned presence; /* 1: on; 0: off */
    size_t max_message;
    size_t max_frame;
    unsigned max_depth;
    unsigned max_sessions;
    unsigned max_sessions_per_user;
    unsigned mailbox_max;
    int64_t mailbox_ttl_ms;
    int64_t ref_ttl_ms;
    unsigned copies; /* 1: on; 0: off */
    size_t output_max;
    int64_t ping_ms;
    int64_t pong_timeout_ms;
    int64_t handshake_timeout_ms;
    int64_t drain_ms;
    char *user; /* NULL: stay who we are */
    enum log_level log_level;
    enum log_format log_format;
};

enum config_result {
    CONFIG_RUN,  /* loaded and consistent */
    CONFIG_EXIT, /* --help, --version or --check-config: written to `out`, exit 0 */
    CONFIG_WRONG /* one line on `err` names the setting, where it came from, its value and what
                    would be right; exit 2 */
};

/* Reads all sources; `environment` as in environ(7). `config` is to be cleared by the caller
 * whatever the result. */
MUST_USE enum config_result config_load(struct config *config, int argc, char *const *argv,
                                        char *const *environment, FILE *out, FILE *err);
void config_clear(struct config *config);
