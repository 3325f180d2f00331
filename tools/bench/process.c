#include "process.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"

/* The beginning of /proc/PID/NAME as a string. False after a line on standard error. */
static bool read_file(const char *pid, const char *name, char *out, size_t size)
{
    uint64_t number;
    char path[64];
    FILE *file;
    size_t len;

    if (!text_to_number(text_of(pid), INT32_MAX, &number)) {
        fprintf(stderr, "parley-bench: --pid %s: it takes the id of a process\n", pid);
        return false;
    }
    snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
    file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "parley-bench: --pid %s: %s: %s\n", pid, path, strerror(errno));
        return false;
    }
    len = fread(out, 1, size - 1, file);
    out[len] = '\0';
    fclose(file);
    return true;
}

bool process_resident_kib(const char *pid, double *kib)
{
    char text[4096];
    const char *line;

    /* Exact, where VmRSS of /proc/PID/status is gathered lazily by the kernel. */
    if (!read_file(pid, "smaps_rollup", text, sizeof(text)))
        return false;
    line = strstr(text, "\nRss:");
    if (line && sscanf(line, "\nRss: %lf kB", kib) == 1)
        return true;
    fprintf(stderr, "parley-bench: --pid %s: it has no resident size\n", pid);
    return false;
}

bool process_cpu_seconds(const char *pid, double *seconds)
{
    unsigned long long user;
    unsigned long long system;
    char text[1024];
    const char *rest;

    if (!read_file(pid, "stat", text, sizeof(text)))
        return false;
    /* Fields 14 and 15, in clock ticks; the name, field 2, may hold blanks and brackets. */
    rest = strrchr(text, ')');
    if (rest && sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                       &system) == 2) {
        *seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
        return true;
    }
    fprintf(stderr, "parley-bench: --pid %s: it has no CPU time\n", pid);
    return false;
}

double process_own_cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}
