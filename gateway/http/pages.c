#include "http/pages.h"

#include "base/metrics.h"

/* The tutorial's own line: its users look for it (docs/protocol.md, the original contract). */
void pages_root(const struct http *http, struct http_answer *answer)
{
    (void)http;
    builder_append_string(&answer->body, "WebSocket server is running.");
}

void pages_healthz(const struct http *http, struct http_answer *answer)
{
    (void)http;
    builder_append_string(&answer->body, "ok\n");
}

void pages_readyz(const struct http *http, struct http_answer *answer)
{
    if (broker_is_up(http->broker) && !http->draining) {
        builder_append_string(&answer->body, "ready\n");
        return;
    }
    http_answer_clear(answer);
    http_error(answer, 503, "unavailable",
               http->draining
                   ? TEXT("draining: this gateway stops as soon as its sessions are gone")
                   : TEXT("not connected to Redis, or not all channels are subscribed"));
}

void pages_metrics(const struct http *http, struct http_answer *answer)
{
    (void)http;
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&answer->body);
}
