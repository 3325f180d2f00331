/* A redis-server of the test's own: in its own folder, on a unix socket and a free port of the
 * loopback. It dies with the process that started it, however that ends. Everything here stops the
 * test when it fails. */
#pragma once

#include <sys/types.h>

#include <hiredis/hiredis.h>

struct redis_server {
    pid_t pid; /* 0: not running */
    int port;
    char dir[64];
    char socket_path[96];
};

/* The folder for all servers, made by the process that runs the tests and removed with all in it.
 */
void redis_make_folder(void);
void redis_remove_folder(void);

/* Chooses folder, socket and port, and starts it with `options` (NULL-terminated, or NULL) behind
 * its own. It answers when this returns. */
void redis_start(struct redis_server *server, const char *const *options);
/* The same socket and port again, empty, after redis_kill(). */
void redis_restart(struct redis_server *server);
void redis_kill(struct redis_server *server);  /* SIGKILL, and waits; nothing when not running */
void redis_pause(struct redis_server *server); /* SIGSTOP, and waits until it has stopped */
void redis_resume(struct redis_server *server);

/* A blocking client over the unix socket; redisFree() is the caller's. */
redisContext *redis_client(const struct redis_server *server);
