#include "common/url.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/buffer.h"
#include "base/text.h"

#define SCHEME "ws://"
#define DEFAULT_PORT 80

/* Printable ASCII alone: anything else would have to be percent-encoded, and could end the request
 * line. */
static bool is_printable(const char *string)
{
    for (; *string; string++) {
        if (*string <= ' ' || *string > '~')
            return false;
    }
    return true;
}

static char *make_target(const char *rest)
{
    size_t len = strlen(rest);
    char *target;

    if (*rest == '/')
        return memory_copy(rest, len);
    target = memory_alloc(len + 2);
    target[0] = '/';
    memcpy(target + 1, rest, len + 1);
    return target;
}

const char *url_parse(struct url *url, const char *string)
{
    struct text authority;
    struct text host;

    *url = (struct url){.port = DEFAULT_PORT};
    if (strncmp(string, SCHEME, strlen(SCHEME)) != 0)
        return "it must begin with ws://";
    if (!is_printable(string) || strchr(string, '#'))
        return "it has a character that must be percent-encoded";
    string += strlen(SCHEME);
    authority = (struct text){string, strcspn(string, "/?")};
    if (!address_split(authority, &host, &url->port))
        return "after ws:// comes HOST, HOST:PORT or [IPV6]:PORT";
    url->authority = memory_copy(authority.at, authority.len);
    url->host = memory_copy(host.at, host.len);
    url->target = make_target(string + authority.len);
    return NULL;
}

const char *url_resolve(struct url *url)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    char service[16];
    int result;

    if (url->addresses)
        freeaddrinfo(url->addresses);
    url->addresses = NULL;
    snprintf(service, sizeof(service), "%d", url->port);
    result = getaddrinfo(url->host, service, &hints, &url->addresses);
    return result == 0 ? NULL : gai_strerror(result);
}

void url_clear(struct url *url)
{
    free(url->authority);
    free(url->host);
    free(url->target);
    if (url->addresses)
        freeaddrinfo(url->addresses);
}

/* The unreserved characters of RFC 3986, section 2.3. */
static bool is_unreserved(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') || strchr("-._~", byte);
}

void url_append_parameter(struct builder *target, const char *name, const char *value)
{
    builder_append_char(target, memchr(target->data, '?', target->len) ? '&' : '?');
    builder_append_string(target, name);
    builder_append_char(target, '=');
    for (; *value; value++) {
        if (is_unreserved(*value))
            builder_append_char(target, *value);
        else
            builder_printf(target, "%%%02X", (unsigned char)*value);
    }
}

char *url_make_session_target(const struct url *url, const char *user, const char *device)
{
    struct builder target;
    struct text made;
    char *copy;

    builder_init(&target, SIZE_MAX);
    builder_append_string(&target, url->target);
    url_append_parameter(&target, "user", user);
    if (device)
        url_append_parameter(&target, "device", device);
    made = builder_text(&target);
    copy = memory_copy(made.at, made.len);
    builder_clear(&target);
    return copy;
}
