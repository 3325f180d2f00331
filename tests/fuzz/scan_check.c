/* For differential.test.mjs: reads documents from standard input, each behind its length (four
 * bytes, big-endian), and prints a line for each: accept, reject, or deep (nested beyond
 * SCAN_DEPTH_LIMIT). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "message/scan.h"

static const char *verdict(struct text document)
{
    struct scanner scanner;
    struct scan_value value;

    scan_begin(&scanner, document, SCAN_DEPTH_LIMIT);
    if (scan_value(&scanner, &value) && scan_end(&scanner))
        return "accept";
    return scanner.error == SCAN_TOO_DEEP ? "deep" : "reject";
}

int main(void)
{
    uint8_t head[4];

    while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
        size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        char *document = memory_alloc(len); /* its own memory: a sanitizer sees the end */

        if (fread(document, 1, len, stdin) != len)
            return EXIT_FAILURE;
        puts(verdict((struct text){document, len}));
        free(document);
    }
    return EXIT_SUCCESS;
}
