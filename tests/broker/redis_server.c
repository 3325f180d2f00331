#include "redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#define START_ATTEMPTS 5 /* a port that was free may be taken when Redis binds it */
#define START_DEADLINE_MS 20000

static char folder[] = "/tmp/parley-broker-XXXXXX";

void redis_make_folder(void)
{
    if (mkdtemp(folder) == NULL) {
        perror("mkdtemp");
        exit(EXIT_FAILURE);
    }
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void redis_remove_folder(void)
{
    if (nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
        perror(folder);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert(fd >= 0);
    ck_assert(bind(fd, (const struct sockaddr *)&address, len) == 0);
    ck_assert(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* In the child: becomes redis-server, which logs to `log`. */
static void run_redis(const struct redis_server *server, pid_t parent, int log,
                      const char *const *options)
{
    char port[8];
    const char *args[32] = {
        "redis-server",      "--bind", "127.0.0.1", "--port", port, "--save", "", "--unixsocket",
        server->socket_path, "--dir",  server->dir};
    size_t count = 11;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE); /* it died before prctl() */
    dup2(log, STDOUT_FILENO);
    snprintf(port, sizeof(port), "%d", server->port);
    for (; options != NULL && *options != NULL && count < 31; options++)
        args[count++] = *options;
    execvp(args[0], (char *const *)(uintptr_t)args);
    perror(args[0]);
    _exit(EXIT_FAILURE);
}

/* False when it ended before it said that it listens. */
static bool wait_until_ready(int log)
{
    char text[16384];
    size_t len = 0;
    struct pollfd readable = {.fd = log, .events = POLLIN};

    while (len < sizeof(text) - 1) {
        ck_assert_int_eq(poll(&readable, 1, START_DEADLINE_MS), 1);
        ssize_t got = read(log, text + len, sizeof(text) - 1 - len);
        ck_assert_int_ge(got, 0);
        len += (size_t)got;
        text[len] = '\0';
        if (strstr(text, "eady to accept connections") != NULL)
            return true;
        if (got == 0)
            break;
    }
    fputs(text, stderr);
    return false;
}

static bool spawn(struct redis_server *server, const char *const *options)
{
    int log[2];
    pid_t parent = getpid();

    ck_assert_int_eq(pipe2(log, O_CLOEXEC), 0);
    server->pid = fork();
    ck_assert_int_ge(server->pid, 0);
    if (server->pid == 0)
        run_redis(server, parent, log[1], options);
    close(log[1]);
    bool ready = wait_until_ready(log[0]);
    close(log[0]); /* what it logs from now on is lost; it ignores that */
    if (!ready)
        redis_kill(server);
    return ready;
}

void redis_start(struct redis_server *server, const char *const *options)
{
    *server = (struct redis_server){0};
    snprintf(server->dir, sizeof(server->dir), "%s/XXXXXX", folder);
    ck_assert(mkdtemp(server->dir) != NULL);
    snprintf(server->socket_path, sizeof(server->socket_path), "%s/socket", server->dir);
    for (int attempt = 0; attempt < START_ATTEMPTS; attempt++) {
        server->port = free_port();
        if (spawn(server, options))
            return;
    }
    ck_abort_msg("redis-server does not start");
}

void redis_restart(struct redis_server *server)
{
    ck_assert(server->pid == 0);
    ck_assert(spawn(server, NULL));
}

void redis_kill(struct redis_server *server)
{
    if (server->pid == 0)
        return;
    ck_assert(kill(server->pid, SIGKILL) == 0);
    ck_assert(waitpid(server->pid, NULL, 0) == server->pid);
    server->pid = 0;
}

void redis_pause(struct redis_server *server)
{
    int status;
    ck_assert(kill(server->pid, SIGSTOP) == 0);
    ck_assert(waitpid(server->pid, &status, WUNTRACED) == server->pid);
    ck_assert(WIFSTOPPED(status));
}

void redis_resume(struct redis_server *server)
{
    ck_assert(kill(server->pid, SIGCONT) == 0);
}

redisContext *redis_client(const struct redis_server *server)
{
    redisContext *client = redisConnectUnix(server->socket_path);
    ck_assert(client != NULL && client->err == 0);
    return client;
}
