/* bench/process.h: what other processes use, from proc(5). */
#pragma once

#include <stdbool.h>

#include "base/memory.h"

/* False after a line on standard error when there is no such process, or not for us. */
MUST_USE bool process_resident_kib(const char *pid, double *kib);
MUST_USE bool process_cpu_seconds(const char *pid, double *seconds);

/* What this process used so far: near the duration of a run, it was the limit itself. */
double process_own_cpu_seconds(void);
