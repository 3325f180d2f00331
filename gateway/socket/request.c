/* HTTP requests: libwebsockets has read their head; what it takes and RFC 9110 and 9112 do not
 * allow is refused here. No path takes a body so far: libwebsockets reads past it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/metrics.h"
#include "socket/internal.h"

static const char *const method_names[] = {
    [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE",
};

static const struct {
    enum lws_token_indexes token;
    enum http_method method;
} methods[] = {
    {WSI_TOKEN_GET_URI, HTTP_GET},       {WSI_TOKEN_HEAD_URI, HTTP_HEAD},
    {WSI_TOKEN_POST_URI, HTTP_POST},     {WSI_TOKEN_PUT_URI, HTTP_PUT},
    {WSI_TOKEN_DELETE_URI, HTTP_DELETE}, {WSI_TOKEN_PATCH_URI, HTTP_OTHER},
    {WSI_TOKEN_OPTIONS_URI, HTTP_OTHER},
};

bool request_has_header(struct lws *wsi, enum lws_token_indexes token, int index)
{
    return lws_hdr_total_length(wsi, token) > 0 && lws_hdr_fragment_length(wsi, token, index) > 0;
}

struct text request_header(struct lws *wsi, enum lws_token_indexes token, int index,
                           char storage[HEADER_MAX])
{
    int len = -1;

    if (request_has_header(wsi, token, index))
        len = lws_hdr_copy_fragment(wsi, storage, HEADER_MAX, token, index);
    return (struct text){storage, len < 0 ? 0 : (size_t)len};
}

/* The value of a header that is a list: its lines as one (RFC 9110, section 5.3), which is how
 * libwebsockets copies them. As request_header() in what is empty. */
static struct text list_header(struct lws *wsi, enum lws_token_indexes token,
                               char storage[HEADER_MAX])
{
    int len = lws_hdr_copy(wsi, storage, HEADER_MAX, token);

    return (struct text){storage, len < 0 ? 0 : (size_t)len};
}

/* A target in absolute form begins with scheme and authority (RFC 9112, section 3.2.2), and
 * libwebsockets has made one slash of two: http:/HOST/PATH. */
static struct text path_of(struct text target)
{
    struct text rest = target;
    struct text scheme = text_split(&rest, ':');

    if (!text_equal(scheme, TEXT("http")) && !text_equal(scheme, TEXT("https")))
        return target;
    (void)text_split(&rest, '/');
    (void)text_split(&rest, '/');
    return rest.at == NULL ? TEXT("/") : (struct text){rest.at - 1, rest.len + 1};
}

static void read_method_and_path(struct lws *wsi, struct http_request *request,
                                 char path[HEADER_MAX])
{
    request->method = HTTP_OTHER;
    request->path = TEXT("");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (!request_has_header(wsi, methods[i].token, 0))
            continue;
        request->method = methods[i].method;
        /* libwebsockets divides at '&' also in front of the query: no path of ours has one. */
        if (!request_has_header(wsi, methods[i].token, 1))
            request->path = path_of(request_header(wsi, methods[i].token, 0, path));
    }
}

/* RFC 9112, section 6: one Content-Length in digits, or none; chunks are not taken. */
static bool is_body_wrong(struct lws *wsi, struct http_answer *error)
{
    char storage[HEADER_MAX];
    uint64_t bytes;

    if (request_has_header(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING, 0)) {
        http_error(error, 411, "length_required",
                   TEXT("Transfer-Encoding is not supported: send a Content-Length"));
        return true;
    }
    if (!request_has_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, 0))
        return false;
    if (request_has_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, 1) ||
        !text_to_number(request_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, 0, storage), UINT64_MAX,
                        &bytes)) {
        http_error(error, 400, "bad_request",
                   TEXT("Content-Length must be given once, as a decimal number"));
        return true;
    }
    if (bytes > HTTP_MAX_BODY) {
        http_error(error, 413, "too_large", TEXT("a request's body may be 65536 bytes long"));
        return true;
    }
    return false;
}

bool request_has_body(struct lws *wsi)
{
    char storage[HEADER_MAX];
    struct text length = request_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, 0, storage);

    return length.len > 0 && !text_equal(length, TEXT("0"));
}

bool request_read_head(struct lws *wsi, struct http_request *request, char path[HEADER_MAX],
                       struct http_answer *error)
{
    char version[HEADER_MAX];

    *request = (struct http_request){0};
    read_method_and_path(wsi, request, path);
    request->admin = lws_get_opaque_user_data(wsi) == SERVER_ADMIN;
    if (text_equal(request_header(wsi, WSI_TOKEN_HTTP, 0, version), TEXT("HTTP/1.1")) &&
        (!request_has_header(wsi, WSI_TOKEN_HOST, 0) ||
         request_has_header(wsi, WSI_TOKEN_HOST, 1))) {
        http_error(error, 400, "bad_request", TEXT("HTTP/1.1 needs one Host header"));
        return true;
    }
    return is_body_wrong(wsi, error);
}

static void append_head(struct builder *head, const struct http_answer *answer, bool close)
{
    builder_printf(head, "HTTP/1.1 %u %s\r\n", answer->status, http_reason(answer->status));
    if (answer->content_type != NULL) {
        builder_printf(head, "Content-Type: %s\r\n", answer->content_type);
        builder_printf(head, "Content-Length: %zu\r\n", answer->body.len);
    }
    builder_printf(head, "Cache-Control: %s\r\n", answer->cache_control);
    builder_append_string(head, "X-Content-Type-Options: nosniff\r\n");
    if (answer->allow != NULL)
        builder_printf(head, "Allow: %s\r\n", answer->allow);
    if (answer->retry_after > 0)
        builder_printf(head, "Retry-After: %u\r\n", answer->retry_after);
    if (answer->headers != NULL)
        builder_append_string(head, answer->headers);
    if (close)
        builder_append_string(head, "Connection: close\r\n");
    builder_append_string(head, "\r\n");
}

bool request_write_answer(struct server *server, struct lws *wsi, struct http_answer *answer,
                          bool head, bool close)
{
    struct builder bytes;
    size_t body = head ? 0 : answer->body.len;
    uint8_t *out;
    bool written;

    builder_init(&bytes, 1024);
    append_head(&bytes, answer, close);
    out = server_scratch(server, bytes.len + body);
    memcpy(out, bytes.data, bytes.len);
    if (body > 0)
        memcpy(out + bytes.len, answer->body.data, body);
    written =
        lws_write(wsi, out, bytes.len + body, LWS_WRITE_HTTP_FINAL) == (int)(bytes.len + body);
    builder_clear(&bytes);
    http_answer_clear(answer);
    return written;
}

/* No path takes a body, and libwebsockets would read past it for as long as it is dripped: such a
 * connection is not kept. Of other methods it expects one also when no length was given. */
static bool may_have_body(struct lws *wsi, const struct http_request *request)
{
    return request_has_body(wsi) || (request->method != HTTP_GET && request->method != HTTP_HEAD &&
                                     !request_has_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, 0));
}

static bool asks_to_close(struct lws *wsi)
{
    char storage[HEADER_MAX];
    struct text connection = request_header(wsi, WSI_TOKEN_CONNECTION, 0, storage);

    return connection.len == strlen("close") &&
           strncasecmp(connection.at, "close", connection.len) == 0;
}

int request_callback(struct server *server, struct lws *wsi)
{
    struct http_request request;
    struct http_answer answer;
    char path[HEADER_MAX];
    char accept[HEADER_MAX];
    char if_none_match[HEADER_MAX];
    bool refused = request_read_head(wsi, &request, path, &answer);
    bool head = request.method == HTTP_HEAD;
    /* A draining gateway keeps no connection, so that no request comes on it as it ends. */
    bool close = refused || may_have_body(wsi, &request) || asks_to_close(wsi) ||
                 server->settings.http->draining;

    if (!refused) {
        request.accept = list_header(wsi, WSI_TOKEN_HTTP_ACCEPT, accept);
        request.if_none_match = list_header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, if_none_match);
        http_handle(server->settings.http, &request, &answer);
    }
    http_count_answer(answer.status);
    if (log_enabled(LOG_LEVEL_DEBUG))
        log_debug("http",
                  LOG_STRING("method",
                             request.method == HTTP_OTHER ? "other" : method_names[request.method]),
                  LOG_TEXT("path", request.path), LOG_NUMBER("status", answer.status));
    if (!request_write_answer(server, wsi, &answer, head, close) || close)
        return -1;
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}
