#include "socket/upgrade.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/identity.h"
#include "socket/internal.h"

#define QUERY_MAX SERVER_HEADERS_MAX
#define PARAMETERS_MAX 32
#define KEY_LENGTH 24 /* 16 bytes in base64 */

static bool header_is(struct lws *wsi, enum lws_token_indexes token, const char *value)
{
    char storage[HEADER_MAX];

    return text_equal(text_trim(request_header(wsi, token, 0, storage)), text_of(value));
}

/* Whether a comma-separated list, on one line or several, has this token (RFC 9110, section
 * 5.6.1), whatever its case unless `exactly`. */
static bool header_lists(struct lws *wsi, enum lws_token_indexes header, struct text token,
                         bool exactly)
{
    char storage[HEADER_MAX];

    for (int line = 0; request_has_header(wsi, header, line); line++) {
        struct text list = request_header(wsi, header, line, storage);

        while (list.len > 0) {
            struct text element = text_trim(text_split(&list, ','));

            if (exactly
                    ? text_equal(element, token)
                    : element.len == token.len && strncasecmp(element.at, token.at, token.len) == 0)
                return true;
        }
    }
    return false;
}

/* Exactly what libwebsockets looks at, the whole of the first line: beside another one in a list it
 * would speak that (h2c, which RFC 9113 has retired). */
static bool upgrades_to_websocket(struct lws *wsi)
{
    char storage[HEADER_MAX];
    struct text upgrade = request_header(wsi, WSI_TOKEN_UPGRADE, 0, storage);

    return !request_has_header(wsi, WSI_TOKEN_UPGRADE, 1) && upgrade.len == strlen("websocket") &&
           strncasecmp(upgrade.at, "websocket", upgrade.len) == 0;
}

static bool has_key(struct lws *wsi)
{
    char storage[HEADER_MAX];
    struct text key = request_header(wsi, WSI_TOKEN_KEY, 0, storage);

    if (request_has_header(wsi, WSI_TOKEN_KEY, 1) || key.len != KEY_LENGTH ||
        !text_equal((struct text){key.at + KEY_LENGTH - 2, 2}, TEXT("==")))
        return false;
    for (size_t i = 0; i < KEY_LENGTH - 2; i++)
        if (!isalnum((unsigned char)key.at[i]) && key.at[i] != '+' && key.at[i] != '/')
            return false;
    return true;
}

static bool refuse(struct http_answer *refusal, unsigned status, const char *code,
                   struct text message)
{
    http_error(refusal, status, code, message);
    return false;
}

static bool check_handshake(struct lws *wsi, const struct http_request *request,
                            struct http_answer *refusal)
{
    if (!upgrades_to_websocket(wsi))
        return refuse(refusal, 400, "bad_request",
                      TEXT("Upgrade must be given once, and be websocket"));
    if (request->method != HTTP_GET) {
        refuse(refusal, 405, "method_not_allowed", TEXT("WebSocket clients connect with GET"));
        refusal->allow = "GET";
        return false;
    }
    if (request->admin || !text_equal(request->path, TEXT("/")))
        return refuse(refusal, 404, "not_found",
                      TEXT("WebSocket clients connect to the path / of the public port"));
    if (!header_is(wsi, WSI_TOKEN_HTTP, "HTTP/1.1"))
        return refuse(refusal, 400, "bad_request",
                      TEXT("the request line must end in HTTP/1.1, and have no line breaks in it"));
    if (!header_lists(wsi, WSI_TOKEN_CONNECTION, TEXT("upgrade"), false))
        return refuse(refusal, 400, "bad_request", TEXT("Connection must have the token Upgrade"));
    if (!header_is(wsi, WSI_TOKEN_VERSION, "13")) {
        refuse(refusal, 426, "upgrade_required", TEXT("Sec-WebSocket-Version must be 13"));
        refusal->headers = "Sec-WebSocket-Version: 13\r\n";
        return false;
    }
    if (!has_key(wsi))
        return refuse(refusal, 400, "bad_request",
                      TEXT("Sec-WebSocket-Key must be given once, as 16 bytes in base64"));
    if (request_has_body(wsi))
        return refuse(refusal, 400, "bad_request", TEXT("a WebSocket handshake has no body"));
    /* libwebsockets would close without an answer. */
    if (request_has_header(wsi, WSI_TOKEN_PROTOCOL, 0) &&
        !header_lists(wsi, WSI_TOKEN_PROTOCOL, TEXT("parley"), true))
        return refuse(refusal, 400, "bad_request",
                      TEXT("the only subprotocol is parley; offer it, or none"));
    return true;
}

/* The parameters of the query, which libwebsockets has divided and percent-decoded. */
static bool read_parameters(struct lws *wsi, char *storage, struct text *parameters, size_t *count,
                            struct http_answer *refusal)
{
    size_t used = 0;
    int len;

    for (*count = 0; lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) > 0; ++*count) {
        len = lws_hdr_copy_fragment(wsi, storage + used, (int)(QUERY_MAX - used),
                                    WSI_TOKEN_HTTP_URI_ARGS, (int)*count);
        if (len < 0) /* there are no more: the storage has room for all headers */
            return true;
        if (*count == PARAMETERS_MAX)
            return refuse(refusal, 400, "bad_request",
                          TEXT("the query has too many parameters: at most 32"));
        parameters[*count] = (struct text){storage + used, (size_t)len};
        used += (size_t)len + 1;
    }
    return true;
}

static bool read_identity(struct upgrade *upgrade, struct lws *wsi, struct http_answer *refusal)
{
    struct text parameters[PARAMETERS_MAX];
    size_t count;
    struct identity identity;
    struct identity_error error;
    struct builder words;
    bool good;

    if (!read_parameters(wsi, upgrade->storage, parameters, &count, refusal))
        return false;
    builder_init(&words, 256);
    good = identity_read(&identity, parameters, count, &error, &words);
    if (good) {
        upgrade->identity = (struct session_identity){
            .users = {identity.users[0], identity.users[1]},
            .user_count = identity.user_count,
            .device = identity.device,
            .pair = identity.pair,
            .acks = identity.acks,
            .has_since = identity.has_since,
            .since = identity.since,
            .epoch = identity.epoch,
        };
        upgrade->device_storage = identity.storage;
    } else {
        http_error(refusal, 400, error.code, error.message);
    }
    builder_clear(&words);
    return good;
}

bool upgrade_read(struct upgrade *upgrade, struct server *server, struct lws *wsi,
                  struct http_answer *refusal)
{
    struct http_request request;
    char path[HEADER_MAX];
    const char *busy;

    *upgrade = (struct upgrade){0};
    if (request_read_head(wsi, &request, path, refusal) || !check_handshake(wsi, &request, refusal))
        return false;
    upgrade->storage = memory_alloc(QUERY_MAX);
    if (read_identity(upgrade, wsi, refusal)) {
        busy = attach_refusal(server->settings.attach);
        if (busy == NULL)
            return true;
        http_error(refusal, 503, "unavailable", text_of(busy));
    }
    upgrade_clear(upgrade);
    return false;
}

void upgrade_clear(struct upgrade *upgrade)
{
    free(upgrade->storage);
    free(upgrade->device_storage);
    *upgrade = (struct upgrade){0};
}
