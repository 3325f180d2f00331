/* socket/upgrade.h: whether a request to upgrade can be granted, and to whom.
 *
 * What RFC 6455, section 4.2.1, demands of a handshake and libwebsockets does not check is checked
 * here, then who connects, then whether there is room. */
#pragma once

#include "http/http.h"
#include "session/session.h"

struct lws;
struct server;

struct upgrade {
    struct session_identity identity;
    char *storage; /* the bytes that the identity points into */
    char *device_storage;
};

/* False with `refusal` filled in: a status, and a JSON body that says what would be right. When
 * true, `upgrade` is to be cleared. */
bool upgrade_read(struct upgrade *upgrade, struct server *server, struct lws *wsi,
                  struct http_answer *refusal);
void upgrade_clear(struct upgrade *upgrade);
