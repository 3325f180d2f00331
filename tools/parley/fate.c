#include "fate.h"

#include <inttypes.h>

#include "words.h"

/* `acknowledged by 1 of 2 devices: phone` */
static void append_stored(const struct fate_facts *facts, struct builder *out)
{
    const struct devices *devices = facts->devices;
    const char *separator = ": ";
    size_t having = 0;

    for (size_t i = 0; i < devices->count; i++)
        having += device_has(&devices->items[i], facts->id);
    builder_append_string(out, " is in the mailbox of ");
    builder_append_key_part(out, facts->user);
    builder_append_string(out, "; ");
    if (devices->count == 0) {
        builder_append_string(out, "no device has acknowledged anything yet");
        return;
    }
    builder_printf(out, "acknowledged by %zu of ", having);
    words_append_count(out, (int64_t)devices->count, "device");
    for (size_t i = 0; i < devices->count; i++) {
        if (!device_has(&devices->items[i], facts->id))
            continue;
        builder_append_string(out, separator);
        builder_append_key_part(out, devices->items[i].name);
        separator = ", ";
    }
}

static void append_id(struct message_id id, struct builder *out)
{
    char string[MESSAGE_ID_TEXT_MAX];

    builder_append(out, message_id_format(id, string));
}

static void append_missing(const struct fate_facts *facts, struct builder *out)
{
    const struct mailbox *mailbox = facts->mailbox;

    if (!mailbox->exists) {
        builder_append_string(out,
                              " is not stored: there is no mailbox; it has expired, or nothing "
                              "was ever sent");
    } else if (message_id_compare(facts->id, mailbox->last) > 0) {
        builder_append_string(out, " was never there: it is above ");
        append_id(mailbox->last, out);
        builder_append_string(out,
                              ", the last id that this mailbox gave; or Redis has lost what came "
                              "after");
    } else if (mailbox->added >= 0 && mailbox->added == mailbox->length) {
        builder_append_string(out, " was never there: nothing has been removed from this mailbox");
    } else if (mailbox->length == 0 || message_id_compare(facts->id, mailbox->first) < 0) {
        builder_append_string(out, " is no longer stored, if it ever was: ");
        if (mailbox->length == 0) {
            builder_append_string(out, "the mailbox is empty");
        } else {
            builder_append_string(out, "the oldest message in the mailbox is ");
            append_id(mailbox->first, out);
        }
        if (mailbox->added >= 0)
            builder_printf(out, ", and %" PRId64 " came before", mailbox->added - mailbox->length);
    } else {
        builder_append_string(out, " was never there, or was deleted by hand: messages before and "
                                   "after it are stored");
    }
}

void fate_append(const struct fate_facts *facts, struct builder *out)
{
    append_id(facts->id, out);
    if (facts->is_stored)
        append_stored(facts, out);
    else
        append_missing(facts, out);
}
