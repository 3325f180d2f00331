/* parley/census.h: what Redis knows of gateways and users; no gateway is asked.
 *
 * Every read is bounded, so that asking costs a busy Redis nothing that its clients notice. What is
 * read in one command after the other is not one moment: who comes or goes in between may look
 * halfway there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/text.h"
#include "broker/keys.h"
#include "common/redis.h"

#define CENSUS_LIST_MAX 1000 /* gateways, or sessions of one user, that are read */

#define CENSUS_HELP                                                                                \
    "  --redis WHERE  HOST[:PORT], unix:/PATH or redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]\n"     \
    "                 (default: $PARLEY_REDIS, else 127.0.0.1:6379)\n"                             \
    "  --prefix NAME  the gateways' --prefix (default: $PARLEY_PREFIX, else parley)\n"             \
    "\n"                                                                                           \
    "Exit status: 0 when Redis has answered; 1 when it could not be reached, refuses, or has\n"    \
    "something else behind a key; 2 for wrong usage.\n"

struct census {
    const char *program;  /* `parley why`: in front of what is written to standard error */
    struct config config; /* of it: redis and prefix */
    struct keys *keys;
    struct redis *redis;
    int64_t now_ms; /* Unix, by Redis' clock */
    char *schema;   /* NULL: there is none */
};

/* What is known of an incarnation's lease. */
enum census_lease {
    CENSUS_LIVE,
    CENSUS_EXPIRED,
    CENSUS_CLEANING, /* dead, and somebody has claimed to clean up after it */
    CENSUS_NO_LEASE, /* not in the set of gateways */
};

struct census_gateway {
    struct text incarnation; /* owned */
    enum census_lease lease; /* never CENSUS_NO_LEASE */
    int64_t left_ms;         /* of the lease or the claim; below 0: expired that long ago */
    int64_t users;           /* that it has registered */
    int64_t subscribers;     /* of its own channel */
};

struct census_gateways {
    struct census_gateway *items; /* by incarnation */
    size_t count;
    bool is_cut; /* there are more */
};

/* A command: --redis, --prefix, --help and operands. */
struct census_command {
    const char *program;
    const char *help;
    int min; /* operands */
    int max;
    const char *wanted; /* that many: `it takes one USER` */
    int users;          /* of the operands, the first ones, that are users */
    /* More to say against the operands, in words; NULL when they are good. NULL: it has nothing to
     * say. */
    const char *(*check)(char **operands);
    /* Reads and prints; nothing when census_failed(). Clock and schema are read. */
    void (*print)(const struct census *census, char **operands, int count);
};

/* The exit status, after a line on standard error when something was wrong. */
int census_run(const struct census_command *command, int argc, char **argv);

/* True when something has failed; what was read since is incomplete. */
bool census_failed(const struct census *census);
/* A line on standard error when the schema is missing or not the one that this program knows. */
void census_warn_of_schema(const struct census *census);

/* Every gateway in the set, or the CENSUS_LIST_MAX whose leases last longest; users and subscribers
 * are 0 unless `all`. */
struct census_gateways census_read_gateways(const struct census *census, bool all);
void census_gateways_clear(struct census_gateways *gateways);

/* Calls take() with each field of a hash and its value, until it returns false. A field may come
 * twice (HSCAN). */
void census_scan_hash(const struct census *census, struct text key,
                      bool (*take)(void *arg, struct text field, struct text value), void *arg);

/* To be freed by the caller. */
struct text census_copy(struct text text);

int64_t census_read_subscribers(const struct census *census, struct text channel);
