#include "devices.h"

#include <inttypes.h>
#include <stdlib.h>

#include "words.h"

/* ---- One ---- */

static bool is_below(struct message_id left, struct message_id right)
{
    return message_id_compare(left, right) < 0;
}

static bool is_zero(struct message_id id)
{
    return id.ms == 0 && id.seq == 0;
}

/* From name and value. */
static void begin(struct device *device, const struct mailbox *mailbox)
{
    device->kind = DEVICE_NO_CURSOR;
    if (device->value.at && !message_id_parse(device->value, &device->cursor))
        device->kind = DEVICE_STRANGE;
    else if (device->value.at)
        device->kind = is_below(mailbox->last, device->cursor) ? DEVICE_BEYOND : DEVICE_GOOD;
}

/* An entry of the mailbox, the newest first. False: there is no need for more. */
static bool sees(struct device *device, struct message_id id)
{
    if (device->kind != DEVICE_GOOD)
        return false;
    if (message_id_compare(id, device->cursor) == 0)
        device->is_stored = true;
    if (!is_below(device->cursor, id))
        return false;
    device->behind++;
    device->oldest = id;
    return true;
}

/* All that was read has been seen. */
static void end(struct device *device, const struct mailbox *mailbox)
{
    if (device->kind != DEVICE_GOOD || is_below(device->cursor, mailbox->first)) {
        device->behind = mailbox->length; /* it will be sent all there is */
        device->oldest = mailbox->first;
        device->is_more = false;
    } else if (device->is_more) {
        device->oldest = (struct message_id){0};
    }
    if (device->kind != DEVICE_GOOD)
        return;
    if (is_zero(device->cursor))
        device->is_gap = mailbox->added > mailbox->length;
    else
        device->is_gap =
            !device->is_stored && message_id_compare(device->cursor, mailbox->last) != 0;
}

bool device_has(const struct device *device, struct message_id id)
{
    return device->kind == DEVICE_GOOD && !is_below(device->cursor, id);
}

static void append_behind(const struct device *device, int64_t now_ms, struct builder *out)
{
    if (device->behind == 0) {
        builder_append_string(out, "up to date");
        return;
    }
    builder_append_string(out, device->is_more ? "at least " : "");
    words_append_count(out, device->behind, "message");
    builder_append_string(out, " behind");
    if (!is_zero(device->oldest)) {
        builder_append_string(out, ", for ");
        words_append_age(out, now_ms - (int64_t)device->oldest.ms);
    }
}

static void append_state(const struct device *device, int64_t now_ms, struct builder *out)
{
    switch (device->kind) {
    case DEVICE_STRANGE:
        builder_append_string(out, "no id, so worth nothing: ");
        break;
    case DEVICE_BEYOND:
        builder_append_string(out, "above the mailbox' last id, so worth nothing: ");
        break;
    case DEVICE_NO_CURSOR:
    case DEVICE_GOOD:
    default:
        break;
    }
    append_behind(device, now_ms, out);
    if (device->is_gap)
        builder_append_string(out, "; a gap: some that it does not have may be no longer stored");
}

/* ---- All ---- */

static void add(struct devices *devices, struct text name, struct text value)
{
    devices->is_cut = devices->count == DEVICES_MAX;
    if (!devices->is_cut)
        devices->items[devices->count++] = (struct device){
            .name = census_copy(name), .value = value.at ? census_copy(value) : (struct text){0}};
}

static bool has(const struct devices *devices, struct text name)
{
    for (size_t i = 0; i < devices->count; i++) {
        if (text_equal(devices->items[i].name, name))
            return true;
    }
    return false;
}

static bool take_cursor(void *arg, struct text field, struct text value)
{
    struct devices *devices = arg;
    struct builder name;

    builder_init(&name, field.len);
    if (!text_percent_decode(field, false, &name)) { /* nobody's encoding: as it is */
        builder_reset(&name);
        builder_append(&name, field);
    }
    if (!has(devices, builder_text(&name)))
        add(devices, builder_text(&name), value);
    builder_clear(&name);
    return !devices->is_cut;
}

static void add_connected(struct devices *devices, const struct user_sessions *sessions)
{
    for (size_t i = 0; i < sessions->count && !devices->is_cut; i++) {
        const struct user_session *session = &sessions->items[i];

        if (user_session_is_live(session) && !has(devices, session->device))
            add(devices, session->device, (struct text){0});
    }
}

static bool see(void *arg, struct message_id id)
{
    struct devices *devices = arg;
    bool goes_on = false;

    for (size_t i = 0; i < devices->count; i++)
        goes_on |= devices->items[i].is_more = sees(&devices->items[i], id);
    return goes_on;
}

/* Some are so far behind that the walk did not get to them. */
static void look_up(const struct census *census, struct text user, struct device *device)
{
    struct mailbox_entry entry;

    if (device->kind != DEVICE_GOOD || device->is_stored)
        return;
    device->is_stored = mailbox_read_entry(census, user, device->cursor, &entry);
    if (device->is_stored)
        mailbox_entry_clear(&entry);
}

static int compare(const void *left, const void *right)
{
    return text_compare(((const struct device *)left)->name, ((const struct device *)right)->name);
}

struct devices devices_read(const struct census *census, struct text user,
                            const struct mailbox *mailbox, const struct user_sessions *sessions)
{
    struct devices devices = {.items = memory_alloc(DEVICES_MAX * sizeof(*devices.items))};
    struct builder key;

    builder_init(&key, SIZE_MAX);
    keys_cursor(census->keys, user, &key);
    census_scan_hash(census, builder_text(&key), take_cursor, &devices);
    if (mailbox->length > 0)
        add_connected(&devices, sessions);
    qsort(devices.items, devices.count, sizeof(*devices.items), compare);
    for (size_t i = 0; i < devices.count; i++)
        begin(&devices.items[i], mailbox);
    if (devices.count > 0 && mailbox->exists)
        mailbox_walk(census, user, mailbox->newest, see, &devices);
    for (size_t i = 0; i < devices.count; i++) {
        if (mailbox->exists)
            look_up(census, user, &devices.items[i]);
        end(&devices.items[i], mailbox);
    }
    builder_clear(&key);
    return devices;
}

void devices_clear(struct devices *devices)
{
    for (size_t i = 0; i < devices->count; i++) {
        free((void *)(uintptr_t)devices->items[i].name.at);
        free((void *)(uintptr_t)devices->items[i].value.at);
    }
    free(devices->items);
}

void devices_add_rows(const struct devices *devices, int64_t now_ms, struct table *table)
{
    struct builder state;

    builder_init(&state, SIZE_MAX);
    for (size_t i = 0; i < devices->count; i++) {
        const struct device *device = &devices->items[i];

        builder_reset(&state);
        append_state(device, now_ms, &state);
        table_add(table, TEXT("device"));
        table_add_id(table, device->name);
        if (device->kind == DEVICE_NO_CURSOR)
            table_add(table, TEXT("no cursor"));
        else
            table_add_id(table, device->value);
        table_add(table, builder_text(&state));
        table_end_row(table);
    }
    builder_clear(&state);
}
