/* base/address.h: addresses as people write them in settings. Nothing is looked up here. */
#pragma once

#include <stdbool.h>

#include "base/memory.h"
#include "base/text.h"

/* HOST[:PORT] or [IPV6][:PORT]. `host` points into `text`, without brackets; it is a name
 * (address_is_name()) or, in brackets, an IPv6 address. `port` (0 to 65535) is left alone when none
 * is given. False for anything else. */
MUST_USE bool address_split(struct text text, struct text *host, int *port);

/* True for one byte or more of [A-Za-z0-9._-]: host names, --id and --prefix. */
bool address_is_name(struct text name);

/* True for an IPv4 or IPv6 address in digits, without brackets. */
bool address_is_numeric(struct text host);

/* Where Redis is: HOST, HOST:PORT, [IPV6]:PORT, redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] (user
 * and password percent-encoded) or unix:/PATH. */
struct redis_address {
    char *host; /* NULL with a unix socket */
    int port;
    char *unix_path; /* NULL with a host */
    char *user;      /* NULL: AUTH with the password alone */
    char *password;  /* NULL: no AUTH */
    int db;
};

/* False when `text` is none of these forms; `address` needs no clearing then. */
MUST_USE bool redis_address_parse(struct redis_address *address, const char *text);
void redis_address_clear(struct redis_address *address);

/* Appends `text`, whether it is one of these forms or not, with *** for its password. */
void redis_address_append_masked(struct text text, struct builder *out);
