/* bench/command.h: the kinds of load. Each is given its own argv, with its name first, and returns
 * the exit status. */
#pragma once

#define STATUS_DONE 0
#define STATUS_FAILED 1 /* the run is reported, and not all of it worked; or there was none */
#define STATUS_USAGE 2

int idle_run(int argc, char **argv);
int throughput_run(int argc, char **argv);

extern const char BENCH_HELP[];
