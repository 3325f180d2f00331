#include "auth/identity.h"

#include <ctype.h>
#include <stdlib.h>

#include "message/parse.h"

#define DEFAULT_DEVICE "default"
#define EPOCH_MAX 64
#define PAIR_PREFIX "pair:" /* of devices: reserved for pair sessions */

enum parameter { USER, DEVICE, USER_A, USER_B, SINCE, EPOCH, ACK, PARAMETER_COUNT };

static const char *const names[PARAMETER_COUNT] = {
    [USER] = "user",   [DEVICE] = "device", [USER_A] = "userA", [USER_B] = "userB",
    [SINCE] = "since", [EPOCH] = "epoch",   [ACK] = "ack",
};

struct parameters {
    bool given[PARAMETER_COUNT];
    struct text values[PARAMETER_COUNT];
};

static bool refuse(struct identity_error *error, struct builder *words, const char *code,
                   const char *name, const char *why)
{
    builder_reset(words);
    builder_append_string(words, name);
    builder_append_string(words, why);
    error->code = code;
    error->message = builder_text(words);
    return false;
}

static bool collect(struct parameters *found, const struct text *parameters, size_t count,
                    struct identity_error *error, struct builder *words)
{
    for (size_t i = 0; i < count; i++) {
        struct text value = parameters[i];
        struct text name = text_split(&value, '=');

        for (size_t known = 0; known < PARAMETER_COUNT; known++) {
            if (!text_equal(name, text_of(names[known])))
                continue;
            if (found->given[known])
                return refuse(error, words, "bad_request", names[known],
                              " is given twice; give it once");
            found->given[known] = true;
            found->values[known] = value;
        }
    }
    return true;
}

static bool is_epoch(struct text epoch)
{
    for (size_t i = 0; i < epoch.len; i++)
        if (!isalnum((unsigned char)epoch.at[i]))
            return false;
    return epoch.len <= EPOCH_MAX;
}

static bool check_user(struct text user, const char *name, struct identity_error *error,
                       struct builder *words)
{
    if (parse_is_user(user))
        return true;
    return refuse(error, words, "bad_request", name,
                  " must be 1 to 128 bytes of UTF-8 without control characters");
}

/* Where reading begins, and who says how far it came. */
static bool read_position(struct identity *identity, const struct parameters *found,
                          struct identity_error *error, struct builder *words)
{
    identity->has_since = found->given[SINCE];
    if (found->given[SINCE] && !message_id_parse(found->values[SINCE], &identity->since))
        return refuse(
            error, words, "bad_request", "since",
            " must be the id of a message, such as 1700000000000-0; or leave it out, to go "
            "on where this device was");
    identity->epoch = found->values[EPOCH];
    if (found->given[EPOCH] && !is_epoch(identity->epoch))
        return refuse(error, words, "bad_request", "epoch",
                      " must be as a welcome gave it: letters and digits, at most 64");
    identity->acks = found->given[ACK];
    if (found->given[ACK] && !text_equal(found->values[ACK], TEXT("client")))
        return refuse(error, words, "bad_request", "ack",
                      " must be client; or leave it out, to be acknowledged by pongs");
    return true;
}

static bool read_native(struct identity *identity, const struct parameters *found,
                        struct identity_error *error, struct builder *words)
{
    if (!check_user(found->values[USER], "user", error, words))
        return false;
    identity->users[0] = found->values[USER];
    identity->user_count = 1;
    identity->device = TEXT(DEFAULT_DEVICE);
    if (!read_position(identity, found, error, words))
        return false;
    if (!found->given[DEVICE])
        return true;
    identity->device = found->values[DEVICE];
    if (!parse_is_device(identity->device))
        return refuse(error, words, "bad_request", "device",
                      " must be 1 to 64 bytes of UTF-8 without control characters");
    if (text_starts_with(identity->device, TEXT(PAIR_PREFIX)))
        return refuse(error, words, "bad_request", "device",
                      " must not start with pair:, which is reserved for userA and userB");
    return true;
}

static bool read_pair(struct identity *identity, const struct parameters *found,
                      struct identity_error *error, struct builder *words)
{
    struct builder device;

    for (enum parameter i = SINCE; i <= ACK; i++)
        if (found->given[i])
            return refuse(error, words, "bad_request", names[i],
                          " does not go with userA and userB: that session is acknowledged by its "
                          "pongs");
    identity->pair = true;
    if (found->given[USER])
        return refuse(error, words, "bad_request", "user",
                      " does not go with userA and userB; give either");
    for (enum parameter i = USER_A; i <= USER_B; i++) {
        if (!found->given[i])
            continue;
        if (!check_user(found->values[i], names[i], error, words))
            return false;
        if (identity->user_count == 1 && text_equal(identity->users[0], found->values[i]))
            continue;
        identity->users[identity->user_count++] = found->values[i];
    }
    builder_init(&device, 1024);
    builder_append_string(&device, PAIR_PREFIX);
    builder_append_key_part(&device, found->values[USER_A]);
    builder_append_char(&device, ':');
    builder_append_key_part(&device, found->values[USER_B]);
    identity->storage = memory_copy(device.data, device.len);
    identity->device = (struct text){identity->storage, device.len};
    builder_clear(&device);
    return true;
}

bool identity_read(struct identity *identity, const struct text *parameters, size_t count,
                   struct identity_error *error, struct builder *words)
{
    struct parameters found = {0};

    *identity = (struct identity){0};
    if (!collect(&found, parameters, count, error, words))
        return false;
    if (found.given[USER_A] || found.given[USER_B])
        return read_pair(identity, &found, error, words);
    if (found.given[USER])
        return read_native(identity, &found, error, words);
    return refuse(error, words, "bad_request", "user",
                  " is missing: connect with ?user=ID, or with ?userA=ID&userB=ID");
}

void identity_clear(struct identity *identity)
{
    free(identity->storage);
    identity->storage = NULL;
}
