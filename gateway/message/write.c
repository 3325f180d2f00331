#include "message/write.h"

#include <assert.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

/* cJSON wants NUL-terminated strings; what is written here holds no NUL (see parse.h). */
static void add_text(cJSON *object, const char *name, struct text text)
{
    char *copy = memory_copy(text.at, text.len);

    if (cJSON_AddStringToObject(object, name, copy) == NULL)
        abort(); /* out of memory, as in base/memory.h */
    free(copy);
}

/* Appends the object and frees it. */
static void append_object(struct builder *out, cJSON *object)
{
    char *json = cJSON_PrintUnformatted(object);

    if (json == NULL)
        abort(); /* out of memory */
    builder_append_string(out, json);
    cJSON_free(json);
    cJSON_Delete(object);
}

static void append_member(struct builder *out, const char *name_and_colon, struct text value)
{
    builder_append_string(out, name_and_colon);
    builder_append_json(out, value);
}

void write_message_body(struct builder *out, struct text sender, struct text receiver,
                        struct text content)
{
    append_member(out, "\"sender\":", sender);
    append_member(out, ",\"receiver\":", receiver);
    builder_append(out, TEXT(",\"content\":"));
    builder_append(out, content);
    builder_append_char(out, '}');
}

static void append_id(struct builder *out, struct message_id id)
{
    char text[MESSAGE_ID_TEXT_MAX];

    builder_append_char(out, '"');
    builder_append(out, message_id_format(id, text));
    builder_append_char(out, '"');
}

void write_message(struct builder *out, struct message_id id, struct text body)
{
    builder_append(out, TEXT("{\"type\":\"message\",\"id\":"));
    append_id(out, id);
    builder_append(out, TEXT(",\"ts\":"));
    builder_append_number(out, id.ms);
    builder_append_char(out, ',');
    builder_append(out, body);
}

void write_copy(struct builder *out, struct message_id id, struct message_id sent,
                struct text session, struct text ref, struct text body)
{
    write_message(out, id, TEXT("\"copy\":{\"id\":"));
    append_id(out, sent);
    append_member(out, ",\"session\":", session);
    if (ref.len > 0)
        append_member(out, ",\"ref\":", ref);
    builder_append(out, TEXT("},"));
    builder_append(out, body);
}

static const char *signal_name(enum request_type type)
{
    if (type == REQUEST_TYPING)
        return "typing";
    if (type == REQUEST_DELIVERED)
        return "delivered";
    assert(type == REQUEST_READ);
    return "read";
}

void write_signal(struct builder *out, enum request_type type, struct text session,
                  struct text sender, struct text receiver, struct text id)
{
    builder_append(out, TEXT("{\"type\":\""));
    builder_append_string(out, signal_name(type));
    builder_append_char(out, '"');
    if (session.len > 0)
        append_member(out, ",\"session\":", session);
    append_member(out, ",\"sender\":", sender);
    append_member(out, ",\"receiver\":", receiver);
    if (id.len > 0)
        append_member(out, ",\"id\":", id);
    builder_append_char(out, '}');
}

void write_history_begin(struct builder *out, struct text with)
{
    append_member(out, "{\"type\":\"history\",\"with\":", with);
    builder_append(out, TEXT(",\"messages\":["));
}

void write_history_end(struct builder *out, struct message_id next, bool end, bool has_ref,
                       struct text ref)
{
    builder_append(out, TEXT("],\"next\":"));
    append_id(out, next);
    builder_append(out, end ? TEXT(",\"end\":true") : TEXT(",\"end\":false"));
    if (has_ref)
        append_member(out, ",\"ref\":", ref);
    builder_append_char(out, '}');
}

void write_sent(struct builder *out, struct text ref, struct message_id id, const bool *online)
{
    append_member(out, "{\"type\":\"sent\",\"ref\":", ref);
    builder_append(out, TEXT(",\"id\":"));
    append_id(out, id);
    builder_append(out, TEXT(",\"ts\":"));
    builder_append_number(out, id.ms);
    if (online != NULL)
        builder_append(out, *online ? TEXT(",\"online\":true") : TEXT(",\"online\":false"));
    builder_append_char(out, '}');
}

void write_presence(struct builder *out, const struct user_presence *users, size_t count,
                    bool has_ref, struct text ref)
{
    builder_append(out, TEXT("{\"type\":\"presence\",\"users\":["));
    for (size_t i = 0; i < count; i++) {
        append_member(out, i == 0 ? "{\"user\":" : ",{\"user\":", users[i].user);
        builder_append(out, users[i].online ? TEXT(",\"online\":true") : TEXT(",\"online\":false"));
        builder_append(out, TEXT(",\"sessions\":"));
        builder_append_number(out, users[i].sessions);
        if (users[i].since_ms > 0) {
            builder_append(out, TEXT(",\"since\":"));
            builder_append_number(out, (uint64_t)users[i].since_ms);
        }
        builder_append_char(out, '}');
    }
    builder_append_char(out, ']');
    if (has_ref)
        append_member(out, ",\"ref\":", ref);
    builder_append_char(out, '}');
}

void write_welcome(struct builder *out, const struct welcome *welcome)
{
    char last[MESSAGE_ID_TEXT_MAX];
    cJSON *object = cJSON_CreateObject();

    add_text(object, "type", TEXT("welcome"));
    add_text(object, "user", welcome->user);
    add_text(object, "device", welcome->device);
    add_text(object, "session", welcome->session);
    add_text(object, "gateway", welcome->gateway);
    if (welcome->has_mailbox) {
        add_text(object, "last", message_id_format(welcome->last, last));
        cJSON_AddBoolToObject(object, "gap", welcome->gap);
        cJSON_AddBoolToObject(object, "reset", welcome->reset);
        add_text(object, "epoch", welcome->epoch);
    }
    append_object(out, object);
}

void write_gap(struct builder *out, struct message_id last, bool reset, struct text epoch)
{
    builder_append(out, TEXT("{\"type\":\"gap\",\"last\":"));
    append_id(out, last);
    builder_append(out, reset ? TEXT(",\"reset\":true") : TEXT(",\"reset\":false"));
    append_member(out, ",\"epoch\":", epoch);
    builder_append_char(out, '}');
}

void write_pong(struct builder *out, bool has_ref, struct text ref)
{
    builder_append(out, TEXT("{\"type\":\"pong\""));
    if (has_ref)
        append_member(out, ",\"ref\":", ref);
    builder_append_char(out, '}');
}

void write_reconnect(struct builder *out, int64_t after_ms)
{
    builder_append(out, TEXT("{\"type\":\"reconnect\",\"after_ms\":"));
    builder_append_number(out, (uint64_t)after_ms);
    builder_append_char(out, '}');
}

void write_error(struct builder *out, enum error_code code, struct text message, bool has_ref,
                 struct text ref)
{
    cJSON *object = cJSON_CreateObject();

    add_text(object, "type", TEXT("error"));
    add_text(object, "code", text_of(error_code_name(code)));
    add_text(object, "message", message);
    if (has_ref)
        add_text(object, "ref", ref);
    append_object(out, object);
}

void write_http_error(struct builder *out, const char *code, struct text message)
{
    cJSON *object = cJSON_CreateObject();

    add_text(object, "error", text_of(code));
    add_text(object, "message", message);
    append_object(out, object);
}
