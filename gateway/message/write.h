/* message/write.h: every frame that the gateway sends or publishes, one function each.
 *
 * All append to `out` (which has room: its maximum is checked by the caller once). The frequent
 * ones are written by hand, the rare ones with cJSON. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "message/errors.h"
#include "message/id.h"
#include "message/parse.h"

/* A message without its head: `"sender":…,"receiver":…,"content":…}`. accept.lua puts the head
 * `{"type":"message","id":"MS-SEQ","ts":MS,` in front when it knows the id, and publishes both
 * together: parse_published() reads that head by position. */
void write_message_body(struct builder *out, struct text sender, struct text receiver,
                        struct text content);

/* The whole message: its head and its body. */
void write_message(struct builder *out, struct message_id id, struct text body);

/* The whole frame for the sender's other sessions, as accept.lua publishes it: behind the head
 * `"copy":{"id":…,"session":…[,"ref":…]},`, then the body. `sent` is the message's own id, `ref`
 * may be empty. */
void write_copy(struct builder *out, struct message_id id, struct message_id sent,
                struct text session, struct text ref, struct text body);

/* {"type":"typing"|"delivered"|"read"[,"session"],"sender","receiver"[,"id"]}; session and id may
 * be empty. `session` is for the other sessions of the sender: parse_published() reads it. */
void write_signal(struct builder *out, enum request_type type, struct text session,
                  struct text sender, struct text receiver, struct text id);

/* Of a page of history without its messages. */
#define WRITE_HISTORY_MAX 1024

/* {"type":"history","with","messages":[, to be followed by the messages, with commas in between,
 * and this: ],"next","end"[,"ref"]} */
void write_history_begin(struct builder *out, struct text with);
void write_history_end(struct builder *out, struct message_id next, bool end, bool has_ref,
                       struct text ref);

/* {"type":"sent","ref","id","ts"[,"online"]}; online: NULL when it is not to be told */
void write_sent(struct builder *out, struct text ref, struct message_id id, const bool *online);

/* What is known of a user's presence. */
struct user_presence {
    struct text user;
    bool online;
    size_t sessions;
    int64_t since_ms; /* Unix; 0: not known */
};

/* Of a frame about this many users. */
#define WRITE_PRESENCE_MAX(users) (512 + 384 * (users))

/* {"type":"presence","users":[{"user","online","sessions"[,"since"]}][,"ref"]} */
void write_presence(struct builder *out, const struct user_presence *users, size_t count,
                    bool has_ref, struct text ref);

struct welcome {
    struct text user;
    struct text device;
    struct text session;
    struct text gateway;
    bool has_mailbox;       /* false: what follows is left out, for an id is no place to go on at */
    struct message_id last; /* of the mailbox when reading began; 0-0: none */
    bool gap;
    bool reset;
    struct text epoch;
};

/* {"type":"welcome","user","device","session","gateway"[,"last","gap","reset","epoch"]} */
void write_welcome(struct builder *out, const struct welcome *welcome);

/* {"type":"gap","last","reset","epoch"} */
void write_gap(struct builder *out, struct message_id last, bool reset, struct text epoch);

/* {"type":"pong"[,"ref"]} */
void write_pong(struct builder *out, bool has_ref, struct text ref);

/* {"type":"reconnect","after_ms"} */
void write_reconnect(struct builder *out, int64_t after_ms);

/* {"type":"error","code","message"[,"ref"]} */
void write_error(struct builder *out, enum error_code code, struct text message, bool has_ref,
                 struct text ref);

/* The JSON body of an HTTP error: {"error":code,"message":message}. `code` is a word. */
void write_http_error(struct builder *out, const char *code, struct text message);
