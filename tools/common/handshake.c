#include "common/handshake.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <event2/util.h>
#include <openssl/evp.h>

#define NONCE_SIZE 16
/* Section 1.3: what the server appends to the key before it hashes. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

void handshake_draw_key(char key[HANDSHAKE_KEY_SIZE])
{
    unsigned char nonce[NONCE_SIZE];

    evutil_secure_rng_get_bytes(nonce, sizeof(nonce));
    EVP_EncodeBlock((unsigned char *)key, nonce, sizeof(nonce));
}

void handshake_write_request(struct builder *out, const char *authority, struct text target,
                             const char *key)
{
    builder_append_string(out, "GET ");
    builder_append(out, target);
    builder_printf(out,
                   " HTTP/1.1\r\n"
                   "Host: %s\r\n"
                   "Upgrade: websocket\r\n"
                   "Connection: Upgrade\r\n"
                   "Sec-WebSocket-Key: %s\r\n"
                   "Sec-WebSocket-Version: 13\r\n\r\n",
                   authority, key);
}

static bool is_accept_of(struct text accept, const char *key)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char encoded[2 * EVP_MAX_MD_SIZE];
    char joined[HANDSHAKE_KEY_SIZE + sizeof(ACCEPT_GUID)];
    unsigned digest_len;
    int len;

    snprintf(joined, sizeof(joined), "%s" ACCEPT_GUID, key);
    if (!EVP_Digest(joined, strlen(joined), digest, &digest_len, EVP_sha1(), NULL))
        return false;
    len = EVP_EncodeBlock(encoded, digest, (int)digest_len);
    return accept.len == (size_t)len && memcmp(accept.at, encoded, accept.len) == 0;
}

static bool equal_ignoring_case(struct text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct text trim(struct text text)
{
    while (text.len > 0 && is_blank(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

/* Whether a comma-separated list has the word. */
static bool list_has(struct text list, const char *word)
{
    while (list.len > 0) {
        if (equal_ignoring_case(trim(text_split(&list, ',')), word))
            return true;
    }
    return false;
}

/* `HTTP/1.1 101 Switching Protocols`; 0 when it is none. */
static int read_status(struct text line)
{
    struct text version = text_split(&line, ' ');
    struct text code = trim(text_split(&line, ' '));
    uint64_t status;

    if (!text_starts_with(version, TEXT("HTTP/1.")) || code.len != 3 ||
        !text_to_number(code, 599, &status) || status < 100)
        return 0;
    return (int)status;
}

const char *handshake_read_answer(struct text head, const char *key,
                                  struct handshake_answer *answer)
{
    bool upgrade = false;
    bool connection = false;
    bool accepted = false;
    bool unasked = false;

    answer->body_len = SIZE_MAX;
    answer->status = read_status(text_split(&head, '\n'));
    if (answer->status == 0)
        return "the answer is not HTTP/1.1";
    while (head.len > 0) {
        struct text value = text_split(&head, '\n');
        struct text name = text_split(&value, ':');
        uint64_t number;

        value = trim(value);
        if (equal_ignoring_case(name, "Upgrade"))
            upgrade = equal_ignoring_case(value, "websocket");
        else if (equal_ignoring_case(name, "Connection"))
            connection = list_has(value, "upgrade");
        else if (equal_ignoring_case(name, "Sec-WebSocket-Accept"))
            accepted = is_accept_of(value, key);
        else if (equal_ignoring_case(name, "Sec-WebSocket-Extensions") ||
                 equal_ignoring_case(name, "Sec-WebSocket-Protocol"))
            unasked = true;
        else if (equal_ignoring_case(name, "Content-Length") &&
                 text_to_number(value, SIZE_MAX, &number))
            answer->body_len = (size_t)number;
    }
    if (answer->status != HANDSHAKE_SWITCHED)
        return NULL;
    if (!upgrade || !connection)
        return "101 without Upgrade: websocket and Connection: Upgrade";
    if (unasked)
        return "the server chose an extension or subprotocol that was not offered";
    if (!accepted)
        return "the server's Sec-WebSocket-Accept does not belong to our key";
    return NULL;
}
