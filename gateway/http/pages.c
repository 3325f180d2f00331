#include "http/pages.h"

#include "base/metrics.h"
#include "http/accept.h"
#include "http/files.h"

#define TROUBLE_MAX 1024 /* bytes of why it is not ready */

void pages_root(const struct http *http, const struct http_request *request,
                struct http_answer *answer)
{
    (void)http;
    if (accept_prefers_html(request->accept)) {
        files_answer(files_find(TEXT("/demo")), request, answer);
        return;
    }
    answer->headers = "Vary: Accept\r\n";
    /* The tutorial's own line: its users look for it (docs/protocol.md, the original contract). */
    builder_append_string(&answer->body, "WebSocket server is running.");
}

/* Everything in it is [A-Za-z0-9._-], so nothing is to be escaped. */
void pages_demo(const struct http *http, const struct http_request *request,
                struct http_answer *answer)
{
    const struct config *config = http->config;

    (void)request;
    answer->content_type = "application/json";
    builder_printf(&answer->body, "{\"prefix\":\"%s\",\"delivery\":\"%s\",\"copies\":%s}",
                   config->prefix, config->delivery == DELIVERY_DURABLE ? "durable" : "live",
                   config->copies ? "true" : "false");
}

void pages_healthz(const struct http *http, const struct http_request *request,
                   struct http_answer *answer)
{
    (void)http;
    (void)request;
    builder_append_string(&answer->body, "ok\n");
}

void pages_readyz(const struct http *http, const struct http_request *request,
                  struct http_answer *answer)
{
    (void)request;
    if (broker_is_up(http->broker) && !http->draining) {
        builder_append_string(&answer->body, "ready\n");
        return;
    }
    struct builder trouble;

    builder_init(&trouble, TROUBLE_MAX);
    if (http->draining)
        builder_append_string(&trouble, "draining: this gateway stops when its sessions are gone");
    else
        broker_append_trouble(http->broker, &trouble);
    http_answer_clear(answer);
    http_error(answer, 503, "unavailable", builder_text(&trouble));
    builder_clear(&trouble);
}

void pages_metrics(const struct http *http, const struct http_request *request,
                   struct http_answer *answer)
{
    (void)http;
    (void)request;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&answer->body);
}
