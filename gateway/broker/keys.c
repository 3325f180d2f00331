#include "broker/keys.h"

#include <stdlib.h>
#include <string.h>

struct keys {
    char *prefix;
    struct builder user_channel; /* what is in front of the user in every channel of the kind */
    struct builder presence_events_channel;
};

/* PREFIX:KIND:{ */
static void append_front(const char *prefix, const char *kind, struct builder *out)
{
    builder_append_string(out, prefix);
    builder_append_char(out, ':');
    builder_append_string(out, kind);
    builder_append_string(out, ":{");
}

struct keys *keys_new(const char *prefix)
{
    struct keys *keys = memory_alloc(sizeof(*keys));

    keys->prefix = memory_copy(prefix, strlen(prefix));
    builder_init(&keys->user_channel, SIZE_MAX);
    append_front(prefix, "user", &keys->user_channel);
    builder_init(&keys->presence_events_channel, SIZE_MAX);
    append_front(prefix, "presence-events", &keys->presence_events_channel);
    return keys;
}

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    builder_clear(&keys->user_channel);
    builder_clear(&keys->presence_events_channel);
    free(keys->prefix);
    free(keys);
}

static void append_channel(const struct builder *front, struct text user, struct builder *out)
{
    builder_append(out, builder_text(front));
    builder_append_key_part(out, user);
    builder_append_char(out, '}');
}

void keys_user_channel(const struct keys *keys, struct text user, struct builder *out)
{
    append_channel(&keys->user_channel, user, out);
}

void keys_presence_events_channel(const struct keys *keys, struct text user, struct builder *out)
{
    append_channel(&keys->presence_events_channel, user, out);
}

/* PREFIX:KIND:{USER} */
static void append_of_user(const struct keys *keys, const char *kind, struct text user,
                           struct builder *out)
{
    append_front(keys->prefix, kind, out);
    builder_append_key_part(out, user);
    builder_append_char(out, '}');
}

void keys_mailbox(const struct keys *keys, struct text user, struct builder *out)
{
    append_of_user(keys, "mailbox", user, out);
}

void keys_cursor(const struct keys *keys, struct text user, struct builder *out)
{
    append_of_user(keys, "cursor", user, out);
}

void keys_ref(const struct keys *keys, struct text receiver, struct text sender, struct text ref,
              struct builder *out)
{
    append_of_user(keys, "ref", receiver, out);
    builder_append_char(out, ':');
    builder_append_key_part(out, sender);
    builder_append_char(out, ':');
    builder_append_key_part(out, ref);
}

void keys_presence(const struct keys *keys, struct text user, struct builder *out)
{
    append_of_user(keys, "presence", user, out);
}

void keys_read(const struct keys *keys, struct text user, struct builder *out)
{
    append_of_user(keys, "read", user, out);
}

void keys_seen(const struct keys *keys, struct text user, struct builder *out)
{
    append_of_user(keys, "seen", user, out);
}

void keys_gateway_channel(const struct keys *keys, struct text incarnation, struct builder *out)
{
    builder_append_string(out, keys->prefix);
    builder_append_string(out, ":gateway:");
    builder_append_key_part(out, incarnation);
}

void keys_gateway_users(const struct keys *keys, struct text incarnation, struct builder *out)
{
    keys_gateway_channel(keys, incarnation, out);
    builder_append_string(out, ":users");
}

void keys_gateways(const struct keys *keys, struct builder *out)
{
    builder_append_string(out, keys->prefix);
    builder_append_string(out, ":gateways");
}

void keys_schema(const struct keys *keys, struct builder *out)
{
    builder_append_string(out, keys->prefix);
    builder_append_string(out, ":schema");
}

bool keys_is_schema(const char *found)
{
    return strcmp(found, SCHEMA_DURABLE) == 0 || strcmp(found, SCHEMA_LIVE) == 0;
}

static bool user_behind(struct text front, struct text channel, struct builder *out)
{
    if (channel.len < front.len + 2 || !text_starts_with(channel, front) ||
        channel.at[channel.len - 1] != '}')
        return false;
    struct text encoded = {channel.at + front.len, channel.len - front.len - 1};
    return text_percent_decode(encoded, false, out);
}

bool keys_user_of_channel(const struct keys *keys, struct text channel, struct builder *out)
{
    return user_behind(builder_text(&keys->user_channel), channel, out);
}

bool keys_user_of_presence_events_channel(const struct keys *keys, struct text channel,
                                          struct builder *out)
{
    return user_behind(builder_text(&keys->presence_events_channel), channel, out);
}
