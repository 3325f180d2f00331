/* message/errors.h: the closed lists of what can go wrong, as clients see it. docs/protocol.md
 * explains each to them. */
#pragma once

/* X(symbol, code): the `code` of an error frame. */
#define ERROR_CODES(X)                                                                             \
    X(BAD_JSON, "bad_json")                                                                        \
    X(BAD_REQUEST, "bad_request")                                                                  \
    X(UNKNOWN_TYPE, "unknown_type")                                                                \
    X(BAD_RECEIVER, "bad_receiver")                                                                \
    X(FORBIDDEN_SENDER, "forbidden_sender")                                                        \
    X(TOO_LARGE, "too_large")                                                                      \
    X(TOO_DEEP, "too_deep")                                                                        \
    X(BATCH_TOO_LONG, "batch_too_long")                                                            \
    X(RATE_LIMITED, "rate_limited")                                                                \
    X(REF_CONFLICT, "ref_conflict")                                                                \
    X(UNSUPPORTED, "unsupported")                                                                  \
    X(NOT_ALLOWED, "not_allowed")                                                                  \
    X(BAD_TOKEN, "bad_token")                                                                      \
    X(TOKEN_EXPIRING, "token_expiring")                                                            \
    X(UNAVAILABLE, "unavailable")                                                                  \
    X(UNKNOWN, "unknown")                                                                          \
    X(INTERNAL, "internal")

#define ERROR_CODES_ENUM(symbol, code) ERROR_##symbol,
enum error_code { ERROR_CODES(ERROR_CODES_ENUM) ERROR_CODE_COUNT };
#undef ERROR_CODES_ENUM

/* X(symbol, number, label): WebSocket close codes that the gateway sends (RFC 6455, section 7.4;
 * 4000 to 4999 are private use). `label` is the value of parley_sessions_closed_total{reason}.
 * NORMAL answers a client that closes; PONG_TIMEOUT is never on the wire: nobody is there to read
 * it, the connection is dropped. */
#define CLOSE_CODES(X)                                                                             \
    X(NORMAL, 1000, "client")                                                                      \
    X(GOING_AWAY, 1001, "going_away")                                                              \
    X(PROTOCOL, 1002, "protocol_error")                                                            \
    X(NOT_ACCEPTED, 1003, "not_accepted")                                                          \
    X(BAD_UTF8, 1007, "bad_utf8")                                                                  \
    X(PONG_TIMEOUT, 1006, "pong_timeout")                                                          \
    X(TOO_BIG, 1009, "too_big")                                                                    \
    X(EXPIRED, 4401, "expired")                                                                    \
    X(DISCONNECTED, 4403, "disconnected")                                                          \
    X(SLOW, 4408, "slow")                                                                          \
    X(TOO_MANY_SESSIONS, 4409, "too_many_sessions")

#define CLOSE_CODES_ENUM(symbol, number, label) CLOSE_##symbol = (number),
enum close_code { CLOSE_CODES(CLOSE_CODES_ENUM) };
#undef CLOSE_CODES_ENUM

/* The wire names, in the order of the enum. */
extern const char *const ERROR_CODE_NAMES[ERROR_CODE_COUNT];

/* The wire name of a code; `code` must be one of the list. */
const char *error_code_name(enum error_code code);
