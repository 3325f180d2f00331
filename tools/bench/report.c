#include "report.h"

#include <assert.h>
#include <stdio.h>

void report_add(struct report *report, const char *name, double value, int decimals)
{
    assert(report->count < REPORT_MAX);
    snprintf(report->lines[report->count].name, sizeof(report->lines[0].name), "%s", name);
    report->lines[report->count].value = value;
    report->lines[report->count].decimals = decimals;
    report->count++;
}

void report_print(const struct report *report, bool json)
{
    for (size_t i = 0; i < report->count; i++)
        printf(json ? "%s\"%s\":%.*f" : "%s%s=%.*f\n",
               !json    ? ""
               : i == 0 ? "{"
                        : ",",
               report->lines[i].name, report->lines[i].decimals, report->lines[i].value);
    if (json)
        puts("}");
}
