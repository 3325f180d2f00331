/* common/url.h: ws:// addresses (RFC 6455, section 3; RFC 3986). */
#pragma once

#include "base/memory.h"

struct addrinfo;
struct builder;

struct url {
    char *authority; /* host and port as they were given, for the Host header and for messages */
    char *host;      /* without brackets */
    int port;
    char *target;               /* path and query for the request line; begins with '/' */
    struct addrinfo *addresses; /* NULL until url_resolve() */
};

/* Reads `ws://HOST[:PORT][/PATH][?QUERY]`. NULL when it is one; else what is wrong, in words. To be
 * cleared in either case. */
MUST_USE const char *url_parse(struct url *url, const char *string);

/* Looks the host up, which may block; again: what was found before is forgotten. NULL when it was
 * found; else why not. */
MUST_USE const char *url_resolve(struct url *url);

void url_clear(struct url *url);

/* Adds a parameter to the query of a target, percent-encoded (RFC 3986, section 2.1). */
void url_append_parameter(struct builder *target, const char *name, const char *value);

/* The url's target with `user` and, unless it is NULL, `device` added to its query, as a gateway
 * wants them. To be freed by the caller; never NULL. */
MUST_USE char *url_make_session_target(const struct url *url, const char *user, const char *device);
