/* http/http.h: a request to its answer, as plain structs: no sockets here.
 *
 * The public port serves `/` and the files of gateway/web; the admin paths /healthz, /readyz and
 * /metrics are served there too, unless they have a listener of their own (--admin-listen). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/config.h"
#include "broker/broker.h"

#define HTTP_MAX_BODY (64 * 1024) /* bytes of a request's body */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OTHER };

/* The texts live until the answer is made. */
struct http_request {
    enum http_method method;
    struct text path;
    struct text accept; /* the values of these headers; empty without one */
    struct text if_none_match;
    bool admin; /* it came to the admin listener */
};

struct http_answer {
    unsigned status;
    const char *content_type; /* NULL, without a body, for a 304 */
    const char *cache_control;
    const char *allow;    /* for Allow, with 405; or NULL */
    unsigned retry_after; /* seconds, for Retry-After; 0: none */
    const char *headers;  /* further header lines, each with its CRLF; or NULL */
    struct builder body;
};

struct http {
    const struct broker *broker; /* outlives it */
    const struct config *config; /* outlives it */
    bool draining;               /* the gateway stops when its sessions are gone */
};

/* `answer` is initialized here and is the caller's to clear. */
void http_handle(const struct http *http, const struct http_request *request,
                 struct http_answer *answer);

/* An answer with the JSON body {"error":code,"message":message}. Initializes `answer`. */
void http_error(struct http_answer *answer, unsigned status, const char *code, struct text message);
void http_answer_clear(struct http_answer *answer);

/* The reason phrase of a status that the gateway uses (RFC 9110, section 15). */
const char *http_reason(unsigned status);

/* For parley_http_answers_total and parley_upgrades_refused_total: counts one answer of `status`.
 */
void http_count_answer(unsigned status);
void http_count_refused_upgrade(unsigned status);
void http_register_metrics(void);
