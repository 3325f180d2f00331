/* bench/report.h: named numbers, as `name=value` lines or as one JSON object. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define REPORT_MAX 64

/* Begin with a zeroed one; there is nothing to clear. */
struct report {
    struct {
        char name[40];
        double value;
        int decimals;
    } lines[REPORT_MAX];
    size_t count;
};

void report_add(struct report *report, const char *name, double value, int decimals);

/* To standard output. */
void report_print(const struct report *report, bool json);
