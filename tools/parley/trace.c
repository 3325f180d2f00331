/* parley trace: what Redis has of one message, and what became of it. */
#include <inttypes.h>
#include <stdio.h>

#include "base/buffer.h"
#include "census.h"
#include "command.h"
#include "common/table.h"
#include "devices.h"
#include "fate.h"
#include "incoming.h"
#include "mailbox.h"
#include "user.h"
#include "words.h"

#define PROGRAM "parley trace"

static const char help[] =
    "usage: parley trace [FLAGS] USER ID\n"
    "\n"
    "Prints what became of the message ID of USER's mailbox, from Redis alone: when it was\n"
    "accepted, by which gateway and from which session, who wrote it or, when it is a copy of\n"
    "what USER sent, to whom; what each of USER's devices has acknowledged; and in the last line\n"
    "what follows, also for a message that is not there. ID is what `sent` answered, and what the\n"
    "message has as its id; of a copy it is the copy's own.\n"
    "\n"
    "A device's line has its cursor, the id up to which it has everything, and how many messages\n"
    "it is behind: of the newest 1000 or 4 MiB, then `at least`.\n"
    "\n"
    "Names are written as in the keys of Redis: a blank is %20.\n"
    "\n" CENSUS_HELP;

/* A row of a label and one name; `-` for what is not there. */
static void add_name(struct table *table, const char *label, struct text name)
{
    table_add(table, text_of(label));
    if (name.len > 0)
        table_add_id(table, name);
    else
        table_add(table, TEXT("-"));
}

static void add_accepted(struct table *table, const struct census *census, struct message_id id)
{
    struct builder cell;

    builder_init(&cell, SIZE_MAX);
    table_add(table, TEXT("accepted"));
    builder_append_number(&cell, id.ms);
    table_add(table, builder_text(&cell));
    builder_reset(&cell);
    words_append_time(&cell, (int64_t)id.ms);
    table_add(table, builder_text(&cell));
    builder_reset(&cell);
    words_append_age(&cell, census->now_ms - (int64_t)id.ms);
    builder_append_string(&cell, " ago");
    table_add(table, builder_text(&cell));
    table_end_row(table);
    builder_clear(&cell);
}

/* Who wrote it; or, of a copy, to whom, with its id there. */
static void add_peer(struct table *table, const struct mailbox_entry *entry,
                     const struct incoming *message)
{
    struct builder cell;

    builder_init(&cell, SIZE_MAX);
    add_name(table, message->is_copy ? "copy to" : "from", entry->peer);
    if (message->is_copy) {
        builder_append_string(&cell, "where it is ");
        builder_append_key_part(&cell, message->copy_id);
        table_add(table, builder_text(&cell));
    }
    if (message->is_copy && message->copy_ref.len > 0) {
        builder_reset(&cell);
        builder_append_string(&cell, "ref ");
        builder_append_key_part(&cell, message->copy_ref);
        table_add(table, builder_text(&cell));
    }
    table_end_row(table);
    builder_clear(&cell);
}

static void add_size(struct table *table, const struct mailbox_entry *entry, bool is_message)
{
    struct builder cell;

    builder_init(&cell, SIZE_MAX);
    words_append_count(&cell, (int64_t)entry->message.len, "byte");
    table_add(table, TEXT("size"));
    table_add(table, builder_text(&cell));
    if (!is_message)
        table_add(table, TEXT("not what a gateway writes"));
    table_end_row(table);
    builder_clear(&cell);
}

static void add_entry(struct table *table, const struct census *census, struct message_id id,
                      const struct mailbox_entry *entry)
{
    struct incoming message;
    struct builder frame;
    bool is_message;

    builder_init(&frame, SIZE_MAX);
    builder_append_char(&frame, '{'); /* the frame without its head */
    builder_append(&frame, entry->message);
    is_message = incoming_read(builder_text(&frame), &message);
    if (!is_message)
        message = (struct incoming){0};
    add_accepted(table, census, id);
    add_peer(table, entry, &message);
    add_name(table, "gateway", entry->gateway);
    table_end_row(table);
    add_name(table, "session", entry->session);
    table_end_row(table);
    add_size(table, entry, is_message);
    builder_clear(&frame);
}

static void print(const struct census *census, const struct fate_facts *facts,
                  const struct mailbox_entry *entry)
{
    struct table table;
    struct builder out;

    table_init(&table);
    builder_init(&out, SIZE_MAX);
    if (facts->is_stored)
        add_entry(&table, census, facts->id, entry);
    devices_add_rows(facts->devices, census->now_ms, &table);
    table_append(&table, "", &out);
    fate_append(facts, &out);
    builder_append_char(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
    census_warn_of_schema(census);
    if (facts->devices->is_cut)
        fprintf(stderr, "%s: there are more than %d devices\n", PROGRAM, DEVICES_MAX);
    table_clear(&table);
    builder_clear(&out);
}

static const char *check(char **operands)
{
    struct message_id id;

    return message_id_parse(text_of(operands[1]), &id)
               ? NULL
               : "ID is no id of a message: 1795500159187-0 would be one";
}

static void trace(const struct census *census, char **operands, int count)
{
    struct text user = text_of(operands[0]);
    struct user_sessions sessions = user_read_sessions(census, user);
    struct mailbox mailbox = mailbox_read(census, user);
    struct devices devices = devices_read(census, user, &mailbox, &sessions);
    struct fate_facts facts = {.user = user, .mailbox = &mailbox, .devices = &devices};
    struct mailbox_entry entry = {0};

    (void)count;
    if (message_id_parse(text_of(operands[1]), &facts.id))
        facts.is_stored = mailbox_read_entry(census, user, facts.id, &entry);
    if (!census_failed(census))
        print(census, &facts, &entry);
    if (facts.is_stored)
        mailbox_entry_clear(&entry);
    devices_clear(&devices);
    user_sessions_clear(&sessions);
}

int trace_run(int argc, char **argv)
{
    static const struct census_command command = {
        .program = PROGRAM,
        .help = help,
        .min = 2,
        .max = 2,
        .wanted = "it takes USER and ID",
        .users = 1,
        .check = check,
        .print = trace,
    };

    return census_run(&command, argc, argv);
}
