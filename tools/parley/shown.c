#include "shown.h"

/* FNV-1a (RFC draft eastlake-fnv): nobody gains by a collision, which needs the same id too. */
static uint64_t hash_of(struct text bytes)
{
    uint64_t hash = 0xcbf29ce484222325U;

    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.at[i]) * 0x100000001b3U;
    return hash;
}

static bool is_remembered(const struct shown *shown, struct message_id id, uint64_t hash)
{
    size_t kept = shown->count < SHOWN_MAX ? shown->count : SHOWN_MAX;

    for (size_t i = 0; i < kept; i++) {
        if (shown->last[i].hash == hash && message_id_compare(shown->last[i].id, id) == 0)
            return true;
    }
    return false;
}

bool shown_take(struct shown *shown, struct message_id id, struct text frame)
{
    uint64_t hash = hash_of(frame);

    if (shown->has_position && message_id_compare(id, shown->position) <= 0)
        return false;
    shown->has_position = true;
    shown->position = id;
    if (message_id_compare(id, shown->highest) > 0)
        shown->highest = id;
    else if (is_remembered(shown, id, hash))
        return false;
    shown->last[shown->count++ % SHOWN_MAX] = (struct shown_message){id, hash};
    return true;
}

void shown_reset(struct shown *shown)
{
    shown->has_position = true;
    shown->position = (struct message_id){0};
}
