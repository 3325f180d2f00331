/* message/parse.h: a client's frame to a list of typed requests.
 *
 * The whole frame is checked before anything of it is acted on: when it is not JSON, no request of
 * it is. Then each element stands for itself: a wrong one is a request with an `error`, and those
 * around it are good. Names are case-sensitive; unknown members are ignored; a known member given
 * twice, also when escaped differently, is an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "message/errors.h"
#include "message/id.h"

#define PARSE_BATCH_MAX 100 /* objects in one array, on a session that is not a pair session */
#define PARSE_USER_MAX 128  /* bytes of a user id */
#define PARSE_REF_MAX 64    /* bytes of a ref */
#define PARSE_USERS_MAX 100 /* users in one request about presence */

/* Messages in one page of history: the most that may be asked for, and what is without asking. */
#define PARSE_HISTORY_MAX 200
#define PARSE_HISTORY_DEFAULT 50

/* X(symbol, type): the `type` of a request. A frame without one is a message. */
#define REQUEST_TYPES(X)                                                                           \
    X(MESSAGE, "message")                                                                          \
    X(TYPING, "typing")                                                                            \
    X(DELIVERED, "delivered")                                                                      \
    X(READ, "read")                                                                                \
    X(PING, "ping")                                                                                \
    X(ACK, "ack")                                                                                  \
    X(HISTORY, "history")                                                                          \
    X(PRESENCE, "presence")                                                                        \
    X(WATCH, "watch")                                                                              \
    X(UNWATCH, "unwatch")                                                                          \
    X(AUTH, "auth")

#define REQUEST_TYPES_ENUM(symbol, type) REQUEST_##symbol,
enum request_type { REQUEST_TYPES(REQUEST_TYPES_ENUM) REQUEST_TYPE_COUNT };
#undef REQUEST_TYPES_ENUM

/* One request. Texts point into the frame or into the parser, and live until the next parse. */
struct request {
    enum request_type type; /* a message when it could not be read */
    struct text receiver;   /* decoded; 1 to PARSE_USER_MAX bytes */
    struct text sender;     /* decoded; empty when the frame names none */
    struct text content;    /* the value's bytes as they were sent */
    struct text ref;        /* decoded; meaningful when has_ref */
    bool has_ref;
    struct text id; /* of a signal or an ack, decoded; empty when there is none */
    /* About presence: who is asked for, decoded, in the order of the frame, each once. */
    const struct text *users;
    size_t user_count;
    /* Of history. */
    struct text with;   /* decoded: the other user of the conversation */
    struct text before; /* decoded, an id; empty when there is none */
    unsigned limit;     /* messages; 1 to PARSE_HISTORY_MAX */
    bool failed;        /* then `error` and `message`, and has_ref where it could be read */
    enum error_code error;
    struct text message; /* for a person: names the member and what would be right */
};

struct parser;

/* max_message: bytes of one element of a frame; max_depth: as in scan.h, for one element. */
struct parser *parser_new(size_t max_message, size_t max_depth);
void parser_free(struct parser *parser);

/* Reads a frame. `count` requests are at parser_request(); an error of the whole frame is one
 * failed request. Of a pair session's array only the last element is read as a request (what
 * stands before it need only be JSON), and an empty array is no request. An empty batch is an
 * error otherwise. The frame's bytes must live as long as the requests are looked at. */
size_t parser_read(struct parser *parser, struct text frame, bool pair_session);
const struct request *parser_request(const struct parser *parser, size_t index);

/* A user id as the design defines it: 1 to 128 bytes of UTF-8 without control characters. */
bool parse_is_user(struct text user);
/* A device name: the same, of 1 to 64 bytes. */
bool parse_is_device(struct text device);
