/* parley-bench: load for gateways on this host. Every run is bounded in time and in number. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

const char BENCH_HELP[] =
    "usage: parley-bench idle --url URL --sessions N [FLAGS]\n"
    "       parley-bench throughput --url URL [--url URL] --pairs N [FLAGS]\n"
    "\n"
    "idle opens N sessions, users bench-1 to bench-N, and holds them.\n"
    "  --sessions N        how many\n"
    "  --hold DURATION     for how long, before memory is read again (default: 10s)\n"
    "\n"
    "throughput lets N users write to N others, each pair with a fixed number of messages under\n"
    "way: one that arrives lets the next go. Latency is from handing a message to the sender's\n"
    "connection to its arrival at the receiver.\n"
    "  --pairs N           how many; senders are on the first URL, receivers on the last\n"
    "  --inflight N        messages under way in each pair (default: 1)\n"
    "  --duration DURATION of the measurement (default: 10s)\n"
    "  --bytes N           of each message's content (default: 100)\n"
    "  --refs              ask the gateway to answer each message with `sent`\n"
    "\n"
    "both:\n"
    "  --url URL           ws://HOST:PORT\n"
    "  --pid PID           a gateway's process, whose memory or CPU time is reported; may be\n"
    "                      repeated, and is summed up\n"
    "  --json              one JSON object instead of name=value lines\n"
    "\n"
    "Exit status: 0 when all went through, 1 when not, 2 for wrong usage.\n";

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a write that fails says so */
    if (argc > 1 && strcmp(argv[1], "idle") == 0)
        return idle_run(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "throughput") == 0)
        return throughput_run(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(BENCH_HELP, stdout);
        return STATUS_DONE;
    }
    fputs("parley-bench: it takes `idle` or `throughput` first (parley-bench --help)\n", stderr);
    return STATUS_USAGE;
}
