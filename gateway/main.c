/* Settings, signals, exit status: 0 after a stop, 1 when something of the world prevents running,
 * 2 for a wrong setting. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"
#include "base/loop.h"
#include "gateway.h"

/* Descriptors that are not sessions: Redis, listeners, epoll, the library's own, HTTP. */
#define RESERVED_DESCRIPTORS 200

/* Every session is a descriptor: takes what the system allows, and promises no more than that. */
static void fit_sessions_to_descriptors(struct config *config)
{
    struct rlimit limit;
    rlim_t room;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    room = limit.rlim_cur > RESERVED_DESCRIPTORS ? limit.rlim_cur - RESERVED_DESCRIPTORS : 1;
    if (config->max_sessions == 0 || config->max_sessions > room)
        config->max_sessions = (unsigned)room;
}

static bool become(const char *name)
{
    const struct passwd *user;

    errno = 0;
    user = getpwnam(name);
    if (user != NULL && initgroups(name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
        setuid(user->pw_uid) == 0)
        return true;
    log_error("user_failed", LOG_STRING("user", name),
              LOG_STRING("why", errno != 0 ? strerror(errno) : "no such user"));
    return false;
}

/* What an operator should know of the effective settings; after event=listening, which is the
 * first line of a log. */
static void log_advice(const struct config *config, unsigned wanted_sessions)
{
    if (config->max_sessions != wanted_sessions)
        log_info("max_sessions_lowered", LOG_NUMBER("from", wanted_sessions),
                 LOG_NUMBER("to", config->max_sessions),
                 LOG_STRING("why", "the limit of open files (ulimit -n)"));
    log_warn("authentication_off",
             LOG_STRING("meaning", "whoever reaches the port may be any user"));
    if (geteuid() == 0)
        log_warn("running_as_root", LOG_STRING("advice", "name an unprivileged user with --user"));
}

static void stop(void *arg)
{
    gateway_stop(arg);
}

/* It ends already: one more signal, when the loop does not catch it any more, would make its exit
 * look like a failure. */
static void block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

static int run(struct config *config)
{
    struct loop *loop = loop_new();
    struct gateway *gateway = NULL;
    unsigned wanted_sessions = config->max_sessions;
    int status = EXIT_FAILURE;

    if (loop == NULL) {
        log_error("loop_failed", LOG_STRING("why", strerror(errno)));
        return EXIT_FAILURE;
    }
    fit_sessions_to_descriptors(config);
    gateway = gateway_new(loop, config);
    if (gateway == NULL || (config->user != NULL && !become(config->user)) ||
        !loop_on_signal(loop, SIGTERM, stop, gateway) ||
        !loop_on_signal(loop, SIGINT, stop, gateway))
        goto out;
    gateway_start(gateway);
    log_advice(config, wanted_sessions);
    loop_run(loop);
    block_signals();
    status = EXIT_SUCCESS;
out:
    gateway_free(gateway);
    loop_free(loop);
    return status;
}

int main(int argc, char **argv)
{
    struct config config;
    int status;

    signal(SIGPIPE, SIG_IGN); /* a broken connection is an error of write(2), not our end */
    switch (config_load(&config, argc, argv, environ, stdout, stderr)) {
    case CONFIG_RUN:
        log_configure(config.log_level, config.log_format);
        status = run(&config);
        break;
    case CONFIG_EXIT:
        status = EXIT_SUCCESS;
        break;
    case CONFIG_WRONG:
    default:
        status = 2;
        break;
    }
    config_clear(&config);
    return status;
}
