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

/* Reads the command line: --redis, --prefix, --help and operands, which are moved to argv[1] and
 * on. The number of operands; -1 when all is said: `status` is the program's. The census is to be
 * ended in either case. */
int census_arguments(struct census *census, const char *program, const char *help, int argc,
                     char **argv, int *status);
/* Whether these operands are users. False after a line on standard error. */
MUST_USE bool census_check_users(const struct census *census, char **users, int count);
/* Connects, and reads clock and schema. */
void census_begin(struct census *census);
/* The exit status, after a line on standard error when something has failed since census_begin().
 */
int census_status(const struct census *census);
void census_end(struct census *census);

/* True when something has failed; what was read since is incomplete. */
bool census_failed(const struct census *census);
/* A line on standard error when the schema is missing or not the one that this program knows. */
void census_warn_of_schema(const struct census *census);

/* Every gateway in the set, or the CENSUS_LIST_MAX whose leases last longest; users and subscribers
 * are 0 unless `all`. */
struct census_gateways census_read_gateways(const struct census *census, bool all);
void census_gateways_clear(struct census_gateways *gateways);

int64_t census_read_subscribers(const struct census *census, struct text channel);
