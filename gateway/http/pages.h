/* http/pages.h: what the fixed paths answer. */
#pragma once

#include "http/http.h"

/* A browser's `/` is the page, everybody else's the tutorial's line. */
void pages_root(const struct http *http, const struct http_request *request,
                struct http_answer *answer);
/* What the page has to know of Redis, for what it says of the frames. */
void pages_demo(const struct http *http, const struct http_request *request,
                struct http_answer *answer);
/* The process runs. */
void pages_healthz(const struct http *http, const struct http_request *request,
                   struct http_answer *answer);
/* And Redis is there. */
void pages_readyz(const struct http *http, const struct http_request *request,
                  struct http_answer *answer);
/* Prometheus' text. */
void pages_metrics(const struct http *http, const struct http_request *request,
                   struct http_answer *answer);
