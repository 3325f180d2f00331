/* parley why: what Redis has of a user, and what follows from it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "census.h"
#include "command.h"
#include "common/table.h"
#include "devices.h"
#include "mailbox.h"
#include "user.h"
#include "verdict.h"
#include "words.h"

#define PROGRAM "parley why"

static const char help[] =
    "usage: parley why [FLAGS] USER\n"
    "\n"
    "Prints why USER does or does not receive what is sent, from Redis alone: the schema, each\n"
    "session with its gateway's lease, the subscribers of USER's channel, the mailbox, and how\n"
    "far each device has come in it; and in the last line what follows. Who is just coming or\n"
    "going may look wrong for a moment: ask again.\n"
    "\n"
    "A device's line has its cursor, the id up to which it has everything, and how many messages\n"
    "it is behind: of the newest 1000 or 4 MiB, then `at least`. A gap is what falls out of a\n"
    "mailbox that is full or old before a device has it; it is told when it connects.\n"
    "\n"
    "Names are written as in the keys of Redis: a blank is %20.\n"
    "\n" CENSUS_HELP;

static void add_session(struct table *table, const struct user_session *session)
{
    struct builder cell;

    builder_init(&cell, SIZE_MAX);
    table_add(table, TEXT("session"));
    builder_append_key_part(&cell, session->incarnation);
    builder_append_char(&cell, '/');
    builder_append(&cell, session->number);
    if (session->is_strange)
        table_add_id(table, session->field);
    else
        table_add(table, builder_text(&cell));
    builder_reset(&cell);
    if (user_session_is_live(session))
        builder_printf(&cell, "lease live, %" PRId64 ".%" PRId64 " s left", session->left_ms / 1000,
                       session->left_ms % 1000 / 100);
    else
        user_session_append_why(session, &cell);
    table_add(table, builder_text(&cell));
    if (!session->is_strange) {
        table_add_id(table, session->device);
        builder_reset(&cell);
        builder_append_string(&cell, "since ");
        words_append_time(&cell, session->since_ms);
        table_add(table, builder_text(&cell));
    }
    table_end_row(table);
    builder_clear(&cell);
}

static void add_channel(struct table *table, const struct verdict_facts *facts)
{
    struct builder cell;

    builder_init(&cell, SIZE_MAX);
    words_append_count(&cell, facts->subscribers, "subscriber");
    table_add(table, TEXT("channel"));
    table_add(table, facts->channel);
    table_add(table, builder_text(&cell));
    table_end_row(table);
    builder_clear(&cell);
}

static void add_mailbox(struct table *table, const struct census *census, struct text user,
                        const struct mailbox *mailbox)
{
    char last[MESSAGE_ID_TEXT_MAX];
    struct builder cell;

    builder_init(&cell, SIZE_MAX);
    keys_mailbox(census->keys, user, &cell);
    table_add(table, TEXT("mailbox"));
    table_add(table, builder_text(&cell));
    builder_reset(&cell);
    words_append_count(&cell, mailbox->length, "message");
    table_add(table, builder_text(&cell));
    if (mailbox->length > 0) {
        message_id_format(mailbox->newest, last);
        builder_reset(&cell);
        builder_printf(&cell, "last %s", last);
        table_add(table, builder_text(&cell));
        builder_reset(&cell);
        words_append_age(&cell, census->now_ms - (int64_t)mailbox->newest.ms);
        builder_append_string(&cell, " ago");
        table_add(table, builder_text(&cell));
    }
    table_end_row(table);
    builder_clear(&cell);
}

static size_t count_live_gateways(const struct census *census)
{
    struct census_gateways gateways = census_read_gateways(census, false);
    size_t live = 0;

    for (size_t i = 0; i < gateways.count; i++)
        live += gateways.items[i].lease == CENSUS_LIVE;
    census_gateways_clear(&gateways);
    return live;
}

static void print(const struct census *census, const struct verdict_facts *facts,
                  const struct mailbox *mailbox, const struct devices *devices)
{
    struct table table;
    struct builder out;

    table_init(&table);
    builder_init(&out, SIZE_MAX);
    table_add(&table, TEXT("schema"));
    if (!census->schema)
        table_add(&table, TEXT("none"));
    else if (keys_is_schema(census->schema))
        table_add(&table, text_of(census->schema));
    else
        table_add_id(&table, text_of(census->schema));
    table_end_row(&table);
    for (size_t i = 0; i < facts->session_count; i++)
        add_session(&table, &facts->sessions[i]);
    add_channel(&table, facts);
    add_mailbox(&table, census, facts->user, mailbox);
    devices_add_rows(devices, census->now_ms, &table);
    table_append(&table, "", &out);
    verdict_append(facts, &out);
    builder_append_char(&out, '\n');
    fwrite(out.data, 1, out.len, stdout);
    table_clear(&table);
    builder_clear(&out);
    if (devices->is_cut)
        fprintf(stderr, "%s: there are more than %d devices\n", PROGRAM, DEVICES_MAX);
}

static void explain(const struct census *census, char **operands, int count)
{
    struct text user = text_of(operands[0]);
    struct user_sessions sessions = user_read_sessions(census, user);
    struct mailbox mailbox = mailbox_read(census, user);
    struct devices devices = devices_read(census, user, &mailbox, &sessions);
    struct builder channel;

    (void)count;
    builder_init(&channel, SIZE_MAX);
    keys_user_channel(census->keys, user, &channel);
    const struct verdict_facts facts = {
        .user = user,
        .channel = builder_text(&channel),
        .schema = census->schema,
        .live_gateways = count_live_gateways(census),
        .subscribers = census_read_subscribers(census, builder_text(&channel)),
        .mailbox = mailbox.length,
        .sessions = sessions.items,
        .session_count = sessions.count,
    };
    if (!census_failed(census))
        print(census, &facts, &mailbox, &devices);
    builder_clear(&channel);
    devices_clear(&devices);
    user_sessions_clear(&sessions);
}

int why_run(int argc, char **argv)
{
    static const struct census_command command = {
        .program = PROGRAM,
        .help = help,
        .min = 1,
        .max = 1,
        .wanted = "it takes one USER",
        .users = 1,
        .print = explain,
    };

    return census_run(&command, argc, argv);
}
