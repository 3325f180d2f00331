/* parley/command.h: the commands of `parley`. Each is given its own argv, with its name first, and
 * returns the exit status (parley/session.h). */
#pragma once

int chat_run(int argc, char **argv);
int listen_run(int argc, char **argv);
int send_run(int argc, char **argv);
int history_run(int argc, char **argv);
int gateways_run(int argc, char **argv);
int presence_run(int argc, char **argv);
int why_run(int argc, char **argv);
int trace_run(int argc, char **argv);
