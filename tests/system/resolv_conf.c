/* A library for LD_PRELOAD: where libevent would read /etc/resolv.conf, which belongs to the
 * machine, it reads the file that RESOLV_CONF names. So a gateway asks a name server of the test's
 * own. */
#include <dlfcn.h>
#include <stdlib.h>

#include <event2/dns.h>

int evdns_base_resolv_conf_parse(struct evdns_base *base, int flags, const char *filename)
{
    int (*parse)(struct evdns_base *, int, const char *) =
        (int (*)(struct evdns_base *, int, const char *))dlsym(RTLD_NEXT, __func__);
    const char *ours = getenv("RESOLV_CONF");

    return parse(base, flags, ours != NULL ? ours : filename);
}
