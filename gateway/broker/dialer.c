#include "broker/dialer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/util.h>

#include "base/buffer.h"

/* A peer that vanished without a word is noticed after about a minute, also while idle. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3

/* A question to evdns, which answers each some time: in the next turn of the loop, when the base is
 * freed. Once `dialer` is NULL nobody waits, and all that is left is to free this. */
struct lookup {
    struct dialer *dialer;
};

struct dialer {
    struct event_base *base;
    const struct redis_address *address;
    struct evdns_base *dns; /* of the last look-up, or NULL */
    struct lookup *lookup;  /* under way, or NULL */
    unsigned attempts;
    char *name; /* the address as text */
    dialer_cb *done;
    void *arg;
};

static char *address_text(const struct redis_address *address)
{
    struct builder builder;

    builder_init(&builder, SIZE_MAX);
    if (address->unix_path != NULL)
        builder_printf(&builder, "unix:%s", address->unix_path);
    else if (strchr(address->host, ':') != NULL)
        builder_printf(&builder, "[%s]:%d", address->host, address->port);
    else
        builder_printf(&builder, "%s:%d", address->host, address->port);
    struct text text = builder_text(&builder);
    char *name = memory_copy(text.at, text.len);
    builder_clear(&builder);
    return name;
}

struct dialer *dialer_new(struct loop *loop, const struct redis_address *address, dialer_cb *done,
                          void *arg)
{
    struct dialer *dialer = memory_alloc(sizeof(*dialer));
    dialer->base = loop_event_base(loop);
    dialer->address = address;
    dialer->name = address_text(address);
    dialer->done = done;
    dialer->arg = arg;
    return dialer;
}

const char *dialer_name(const struct dialer *dialer)
{
    return dialer->name;
}

static void free_dns(struct dialer *dialer)
{
    if (dialer->dns != NULL)
        evdns_base_free(dialer->dns, 1); /* 1: answers what is open, so that it is freed */
    dialer->dns = NULL;
}

void dialer_stop(struct dialer *dialer)
{
    if (dialer->lookup == NULL)
        return;
    dialer->lookup->dialer = NULL;
    dialer->lookup = NULL;
    free_dns(dialer);
}

void dialer_free(struct dialer *dialer)
{
    if (dialer == NULL)
        return;
    dialer_stop(dialer);
    free_dns(dialer);
    free(dialer->name);
    free(dialer);
}

static void set_option(int fd, int level, int name, int value)
{
    /* All are for the better only: a kernel that refuses one is none to give up on. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void connect_to(struct dialer *dialer, const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        dialer->done(dialer->arg, -1, strerror(errno));
        return;
    }
    if (address->sa_family != AF_UNIX) {
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    }
    if (connect(fd, address, len) != 0 && errno != EINPROGRESS) {
        const char *error = strerror(errno);
        close(fd);
        dialer->done(dialer->arg, -1, error);
        return;
    }
    dialer->done(dialer->arg, fd, NULL);
}

static void connect_to_path(struct dialer *dialer, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path)) {
        dialer->done(dialer->arg, -1, strerror(ENAMETOOLONG));
        return;
    }
    memcpy(address.sun_path, path, strlen(path));
    connect_to(dialer, (const struct sockaddr *)&address, sizeof(address));
}

static void on_addresses(int error, struct evutil_addrinfo *addresses, void *arg)
{
    struct lookup *lookup = arg;
    struct dialer *dialer = lookup->dialer;

    free(lookup);
    if (dialer != NULL) {
        dialer->lookup = NULL;
        unsigned count = 0;
        for (const struct evutil_addrinfo *a = addresses; a != NULL; a = a->ai_next)
            count++;
        if (count > 0) {
            const struct evutil_addrinfo *chosen = addresses;
            for (unsigned skip = dialer->attempts++ % count; skip > 0; skip--)
                chosen = chosen->ai_next;
            connect_to(dialer, chosen->ai_addr, (socklen_t)chosen->ai_addrlen);
        } else {
            /* Without an error: /etc/hosts has the name, but no address of use. */
            dialer->done(dialer->arg, -1,
                         evutil_gai_strerror(error != 0 ? error : EVUTIL_EAI_NODATA));
        }
    }
    if (addresses != NULL)
        evutil_freeaddrinfo(addresses);
}

static void look_up(struct dialer *dialer)
{
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[sizeof("65535")];

    /* The last one is freed only now, because evdns goes on using it after on_addresses(). */
    free_dns(dialer);
    dialer->dns = evdns_base_new(dialer->base, 0);
    if (dialer->dns == NULL)
        abort(); /* only without memory */
    /* When it fails, evdns asks a server on this host, and the next attempt reads again. */
    (void)evdns_base_resolv_conf_parse(dialer->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");

    dialer->lookup = memory_alloc(sizeof(*dialer->lookup));
    dialer->lookup->dialer = dialer;
    snprintf(port, sizeof(port), "%hu", (unsigned short)dialer->address->port);
    evdns_getaddrinfo(dialer->dns, dialer->address->host, port, &hints, on_addresses,
                      dialer->lookup);
}

void dialer_start(struct dialer *dialer)
{
    dialer_stop(dialer);
    if (dialer->address->unix_path != NULL)
        connect_to_path(dialer, dialer->address->unix_path);
    else
        look_up(dialer);
}
