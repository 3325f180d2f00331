#include "base/address.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/buffer.h"

#define REDIS_PORT 6379

/* `text` from `start` on, which is at most its length. */
static struct text text_from(struct text text, size_t start)
{
    return (struct text){text.at + start, text.len - start};
}

static const char *find_byte(struct text text, char byte)
{
    return text.len > 0 ? memchr(text.at, byte, text.len) : NULL;
}

static bool is_family(struct text host, int family)
{
    char string[INET6_ADDRSTRLEN];
    unsigned char binary[sizeof(struct in6_addr)];

    if (host.len == 0 || host.len >= sizeof(string) || find_byte(host, '\0') != NULL)
        return false;
    memcpy(string, host.at, host.len);
    string[host.len] = '\0';
    return inet_pton(family, string, binary) == 1;
}

bool address_is_numeric(struct text host)
{
    return is_family(host, AF_INET) || is_family(host, AF_INET6);
}

bool address_is_name(struct text name)
{
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.at[i];

        if (!(byte >= 'A' && byte <= 'Z') && !(byte >= 'a' && byte <= 'z') &&
            !(byte >= '0' && byte <= '9') && byte != '.' && byte != '_' && byte != '-')
            return false;
    }
    return name.len > 0;
}

bool address_split(struct text text, struct text *host, int *port)
{
    struct text rest;
    uint64_t number;

    if (text_starts_with(text, TEXT("["))) {
        const char *end = find_byte(text, ']');

        if (end == NULL)
            return false;
        *host = (struct text){text.at + 1, (size_t)(end - text.at - 1)};
        rest = text_from(text, host->len + 2);
        if (!is_family(*host, AF_INET6))
            return false;
    } else {
        const char *colon = find_byte(text, ':');

        *host = (struct text){text.at, colon != NULL ? (size_t)(colon - text.at) : text.len};
        rest = text_from(text, host->len);
        if (!address_is_name(*host))
            return false;
    }
    if (rest.len == 0)
        return true;
    if (rest.at[0] != ':' || !text_to_number(text_from(rest, 1), 65535, &number))
        return false;
    *port = (int)number;
    return true;
}

/* The percent-decoded string, which the caller frees, or NULL. A NUL in it would be cut short by
 * whoever reads the string. */
static char *decode(struct text encoded)
{
    struct builder decoded;
    struct text bytes;
    char *string = NULL;

    builder_init(&decoded, encoded.len);
    if (text_percent_decode(encoded, false, &decoded)) {
        bytes = builder_text(&decoded);
        if (find_byte(bytes, '\0') == NULL)
            string = memory_copy(bytes.at, bytes.len);
    }
    builder_clear(&decoded);
    return string;
}

/* [USER]:PASSWORD. A user alone is refused: programs do not agree whether redis://WORD@HOST is a
 * user or, as redis-cli has it, a password. */
static bool parse_credentials(struct redis_address *address, struct text credentials)
{
    const char *colon = find_byte(credentials, ':');
    struct text user;
    struct text password;

    if (colon == NULL || credentials.len == 1)
        return false;
    user = (struct text){credentials.at, (size_t)(colon - credentials.at)};
    password = text_from(credentials, user.len + 1);
    address->password = decode(password);
    if (user.len > 0)
        address->user = decode(user);
    return address->password != NULL && (user.len == 0 || address->user != NULL);
}

static bool parse_host(struct redis_address *address, struct text text)
{
    struct text host;

    address->port = REDIS_PORT;
    if (!address_split(text, &host, &address->port) || address->port == 0)
        return false;
    address->host = memory_copy(host.at, host.len);
    return true;
}

/* What stands behind redis://. */
static bool parse_url(struct redis_address *address, struct text rest)
{
    struct text authority = text_split(&rest, '/');
    const char *at_sign = find_byte(authority, '@');
    uint64_t db = 0;

    if (rest.len > 0 && !text_to_number(rest, INT_MAX, &db))
        return false;
    address->db = (int)db;
    if (at_sign != NULL) {
        struct text credentials = {authority.at, (size_t)(at_sign - authority.at)};

        authority = text_from(authority, credentials.len + 1);
        if (!parse_credentials(address, credentials))
            return false;
    }
    return parse_host(address, authority);
}

static bool parse_unix(struct redis_address *address, struct text path)
{
    if (!text_starts_with(path, TEXT("/")) ||
        path.len >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return false;
    address->unix_path = memory_copy(path.at, path.len);
    return true;
}

bool redis_address_parse(struct redis_address *address, const char *text)
{
    struct text whole = text_of(text);
    bool good;

    *address = (struct redis_address){0};
    if (text_starts_with(whole, TEXT("redis://")))
        good = parse_url(address, text_from(whole, strlen("redis://")));
    else if (text_starts_with(whole, TEXT("unix:")))
        good = parse_unix(address, text_from(whole, strlen("unix:")));
    else
        good = parse_host(address, whole);
    if (!good)
        redis_address_clear(address);
    return good;
}

void redis_address_clear(struct redis_address *address)
{
    free(address->host);
    free(address->unix_path);
    free(address->user);
    free(address->password);
    *address = (struct redis_address){0};
}

/* Misspelled text must not give its password away either: hidden is all between the last '@' and
 * the first ':' before it that does not end a scheme. */
void redis_address_append_masked(struct text text, struct builder *out)
{
    const char *at_sign = text.len > 0 ? memrchr(text.at, '@', text.len) : NULL;
    struct text hidden;
    const char *colon;

    if (at_sign == NULL || text_starts_with(text, TEXT("unix:"))) {
        builder_append(out, text);
        return;
    }
    hidden = (struct text){text.at, (size_t)(at_sign - text.at)};
    colon = find_byte(hidden, ':');
    if (colon != NULL) {
        hidden = text_from(hidden, (size_t)(colon + 1 - hidden.at));
        if (text_starts_with(hidden, TEXT("//"))) {
            hidden = text_from(hidden, 2);
            colon = find_byte(hidden, ':');
            hidden = text_from(hidden, colon != NULL ? (size_t)(colon + 1 - hidden.at) : 0);
        }
    }
    builder_append(out, (struct text){text.at, (size_t)(hidden.at - text.at)});
    builder_append_string(out, "***");
    builder_append(out, text_from(text, (size_t)(at_sign - text.at)));
}
