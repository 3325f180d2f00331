/* http/pages.h: what the fixed paths answer. */
#pragma once

#include "http/http.h"

void pages_root(const struct http *http, struct http_answer *answer);    /* / */
void pages_healthz(const struct http *http, struct http_answer *answer); /* the process runs */
void pages_readyz(const struct http *http, struct http_answer *answer);  /* and Redis is there */
void pages_metrics(const struct http *http, struct http_answer *answer); /* Prometheus' text */
