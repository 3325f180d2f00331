/* http/files.h: the files of gateway/web, which are part of the program. */
#pragma once

#include "http/http.h"

struct file;

/* The file at this path, or NULL. */
const struct file *files_find(struct text path);

/* Fills in an answer to GET or HEAD that was initialized as empty: the file, or 304 when the client
 * has these very bytes. */
void files_answer(const struct file *file, const struct http_request *request,
                  struct http_answer *answer);
