/* parley: Parley sessions in a terminal, and what Redis knows of gateways, users, messages. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "session.h"

static const struct {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"chat", "write to somebody, and read what comes", chat_run},
    {"listen", "print what a user receives", listen_run},
    {"send", "send messages as a user", send_run},
    {"history", "print a conversation that is stored", history_run},
    {"gateways", "print which gateways are alive", gateways_run},
    {"presence", "print who is online, and where", presence_run},
    {"why", "print why a user does or does not receive", why_run},
    {"trace", "print what became of a message", trace_run},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
    puts("usage: parley COMMAND [FLAGS]\n\ncommands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    puts("\n`parley COMMAND --help` lists a command's flags. chat, listen, send and history ask a\n"
         "gateway, named by --url or the environment's PARLEY_URL; the others ask Redis, named by\n"
         "--redis or PARLEY_REDIS. Exit status: 0 done, 1 failed, 2 wrong usage.");
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a write that fails says so */
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return STATUS_DONE;
    }
    for (size_t i = 0; argc > 1 && i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    if (argc > 1)
        fprintf(stderr, "parley: there is no command %s;", argv[1]);
    else
        fputs("parley: a command is missing;", stderr);
    fputs(" the commands are", stderr);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(stderr, " %s", commands[i].name);
    fputs(" (parley --help)\n", stderr);
    return STATUS_USAGE;
}
