#include "message/published.h"

#include <string.h>

#include "base/buffer.h"
#include "message/element.h"
#include "message/scan.h"

/* Takes `prefix` off the front of `rest`. */
static bool take(struct text *rest, struct text prefix)
{
    if (!text_starts_with(*rest, prefix))
        return false;
    rest->at += prefix.len;
    rest->len -= prefix.len;
    return true;
}

/* The head of a message, in front of its sender, as accept.lua writes it. */
static bool take_message_head(struct text *rest, struct message_id *id)
{
    if (!take(rest, TEXT("{\"type\":\"message\",\"id\":\"")))
        return false;
    struct text id_text = text_split(rest, '"');
    if (!message_id_parse(id_text, id) || !take(rest, TEXT(",\"ts\":")))
        return false;
    return text_equal(text_split(rest, ','), text_split(&id_text, '-'));
}

/* What stands in front of the sender of a copy, as accept.lua and write_copy() write it. False when
 * it is something else; nothing is taken when it is no copy. */
static bool take_copy(struct text *rest, struct published *published)
{
    struct message_id sent;

    if (!take(rest, TEXT("\"copy\":{\"id\":\"")))
        return true;
    if (!message_id_parse(text_split(rest, '"'), &sent) || !take(rest, TEXT(",\"session\":\"")))
        return false;
    published->is_copy = true;
    published->session = text_split(rest, '"');
    if (published->session.len != PUBLISHED_SESSION_LEN)
        return false;
    if (take(rest, TEXT(",\"ref\":\""))) {
        while (rest->len > 1 && *rest->at != '"') { /* an escape's second byte is no end */
            size_t width = *rest->at == '\\' ? 2 : 1;
            rest->at += width;
            rest->len -= width;
        }
        if (!take(rest, TEXT("\"")))
            return false;
    }
    return take(rest, TEXT("},"));
}

static bool take_signal_head(struct text *rest)
{
    return take(rest, TEXT("{\"type\":\"typing\",")) ||
           take(rest, TEXT("{\"type\":\"delivered\",")) || take(rest, TEXT("{\"type\":\"read\","));
}

/* The session in front of a read's sender, as write_signal() puts it there for the reader's other
 * sessions: a name without escapes. Empty when there is none. */
static struct text take_session(struct text *rest)
{
    struct text name = {0};

    if (take(rest, TEXT("\"session\":\""))) {
        name = text_split(rest, '"');
        if (!take(rest, TEXT(",")))
            *rest = (struct text){0};
    }
    return name;
}

struct published parse_published(struct text bytes)
{
    static const struct text SENDER = TEXT("\"sender\":\"");
    struct published published = {.kind = PUBLISHED_MESSAGE};
    struct text message = bytes;
    struct text signal = bytes;

    if (bytes.len > 0 && bytes.at[bytes.len - 1] == '}') {
        if (take_message_head(&message, &published.id) && take_copy(&message, &published) &&
            text_starts_with(message, SENDER))
            return published;
        if (take_signal_head(&signal)) {
            struct text session = take_session(&signal);

            if (text_starts_with(signal, SENDER))
                return (struct published){.kind = PUBLISHED_SIGNAL, .session = session};
        }
    }
    return (struct published){.kind = PUBLISHED_FOREIGN};
}

static bool is_json_of(struct text json, struct text user)
{
    struct builder expected;

    builder_init(&expected, SIZE_MAX);
    builder_append_json(&expected, user);
    bool equal = text_equal(json, builder_text(&expected));
    builder_clear(&expected);
    return equal;
}

bool parse_presence_event(struct text bytes, struct text user, struct presence_event *event)
{
    const struct text end = TEXT("}]}");
    struct text rest = bytes;
    uint64_t sessions;
    uint64_t since_ms;

    if (!take(&rest, TEXT("{\"type\":\"presence\",\"users\":[{\"online\":")))
        return false;
    event->online = take(&rest, TEXT("true,\"sessions\":"));
    if (!event->online && !take(&rest, TEXT("false,\"sessions\":")))
        return false;
    if (!text_to_number(text_split(&rest, ','), INT64_MAX, &sessions) ||
        event->online != (sessions > 0) || !take(&rest, TEXT("\"since\":")) ||
        !text_to_number(text_split(&rest, ','), INT64_MAX, &since_ms) ||
        !take(&rest, TEXT("\"user\":")) || rest.len < end.len)
        return false;
    event->since_ms = (int64_t)since_ms;
    rest.len -= end.len;
    return memcmp(rest.at + rest.len, end.at, end.len) == 0 && is_json_of(rest, user);
}

const char *parse_foreign(struct text bytes, bool *is_message)
{
    static const struct text TYPES[] = {TEXT("message"), TEXT("typing"), TEXT("delivered"),
                                        TEXT("read")};
    const size_t count = sizeof(TYPES) / sizeof(TYPES[0]);
    struct scanner scanner;
    struct element element;
    const struct scan_value *type = &element.members[MEMBER_TYPE];

    scan_begin(&scanner, bytes, SCAN_DEPTH_LIMIT);
    element_read(&scanner, &element);
    if (!scan_end(&scanner))
        return scanner.error == SCAN_TOO_DEEP ? "nested too deeply" : "not JSON";
    if (element.kind != SCAN_OBJECT)
        return "not an object";
    if (element.doubled != NULL)
        return "a member given twice";
    if (type->text.at == NULL || type->kind != SCAN_STRING)
        return "no type";
    size_t index = element_index_of(type, TYPES, count);
    if (index == count)
        return "a type that is neither a message nor a signal";
    *is_message = index == 0;
    return NULL;
}
