#include "http/http.h"

#include <stdlib.h>

#include "base/metrics.h"
#include "http/files.h"
#include "http/pages.h"
#include "message/write.h"

#define ANSWER_MAX (256 * 1024) /* bytes of an answer's body */

struct route {
    const char *path;
    bool admin;
    void (*page)(const struct http *http, const struct http_request *request,
                 struct http_answer *answer);
};

static const struct route routes[] = {
    {"/", false, pages_root},
    {"/demo.json", false, pages_demo}, /* for /demo, which is one of the files */
    {"/healthz", true, pages_healthz},
    {"/readyz", true, pages_readyz},
    {"/metrics", true, pages_metrics},
};

/* X(status, phrase): every status that the gateway answers, and the labels of its metrics. */
#define STATUSES(X)                                                                                \
    X(200, "OK")                                                                                   \
    X(304, "Not Modified")                                                                         \
    X(400, "Bad Request")                                                                          \
    X(404, "Not Found")                                                                            \
    X(405, "Method Not Allowed")                                                                   \
    X(411, "Length Required")                                                                      \
    X(413, "Content Too Large")                                                                    \
    X(426, "Upgrade Required")                                                                     \
    X(503, "Service Unavailable")

#define STATUS_LABEL(status, phrase) #status,
static const char *const status_labels[] = {STATUSES(STATUS_LABEL)};
#define STATUS_NUMBER(status, phrase) (status),
static const unsigned status_numbers[] = {STATUSES(STATUS_NUMBER)};
#define STATUS_PHRASE(status, phrase) (phrase),
static const char *const status_phrases[] = {STATUSES(STATUS_PHRASE)};
#define STATUS_COUNT (sizeof(status_numbers) / sizeof(status_numbers[0]))

static size_t status_index(unsigned status)
{
    for (size_t i = 0; i < STATUS_COUNT; i++)
        if (status_numbers[i] == status)
            return i;
    abort(); /* a status that is missing above is our own mistake */
}

const char *http_reason(unsigned status)
{
    return status_phrases[status_index(status)];
}

void http_register_metrics(void)
{
    metrics_label_values(METRIC_HTTP_ANSWERS, status_labels, STATUS_COUNT);
    metrics_label_values(METRIC_UPGRADES_REFUSED, status_labels, STATUS_COUNT);
}

void http_count_answer(unsigned status)
{
    metrics_add_labelled(METRIC_HTTP_ANSWERS, status_index(status), 1);
}

void http_count_refused_upgrade(unsigned status)
{
    metrics_add_labelled(METRIC_UPGRADES_REFUSED, status_index(status), 1);
}

static void answer_init(struct http_answer *answer, unsigned status, const char *content_type)
{
    *answer = (struct http_answer){
        .status = status, .content_type = content_type, .cache_control = "no-store"};
    builder_init(&answer->body, ANSWER_MAX);
}

void http_error(struct http_answer *answer, unsigned status, const char *code, struct text message)
{
    answer_init(answer, status, "application/json");
    write_http_error(&answer->body, code, message);
    if (status == 503)
        answer->retry_after = 1;
}

void http_answer_clear(struct http_answer *answer)
{
    builder_clear(&answer->body);
}

static bool answers_to(const struct http_request *request, struct http_answer *answer)
{
    if (request->method == HTTP_GET || request->method == HTTP_HEAD)
        return true;
    http_error(answer, 405, "method_not_allowed", TEXT("use GET or HEAD here"));
    answer->allow = "GET, HEAD";
    return false;
}

void http_handle(const struct http *http, const struct http_request *request,
                 struct http_answer *answer)
{
    const struct file *file = request->admin ? NULL : files_find(request->path);

    if (file != NULL) {
        if (!answers_to(request, answer))
            return;
        answer_init(answer, 200, NULL);
        files_answer(file, request, answer);
        return;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route *route = &routes[i];
        bool here =
            request->admin ? route->admin : !route->admin || http->config->admin_listen == NULL;

        if (!here || !text_equal(request->path, text_of(route->path)))
            continue;
        if (!answers_to(request, answer))
            return;
        answer_init(answer, 200, "text/plain; charset=utf-8");
        route->page(http, request, answer);
        return;
    }
    http_error(answer, 404, "not_found",
               request->admin ? TEXT("no such path; this listener has /healthz, /readyz, /metrics")
                              : TEXT("no such path; WebSocket clients connect to /"));
}
