#include "common/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const struct addrinfo *address, struct in_addr source)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    int error;

    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (source.s_addr != htonl(INADDR_ANY) && address->ai_family == AF_INET) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = source};

        /* The port is chosen by connect(2) then, which knows the target: one source address has as
         * many connections to each target as there are ports. */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0)
            goto failed;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS)
        return fd;
failed:
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int dial_first(const struct addrinfo **address, struct in_addr source)
{
    for (; *address; *address = (*address)->ai_next) {
        int fd = dial(*address, source);

        if (fd >= 0)
            return fd;
    }
    return -1;
}
