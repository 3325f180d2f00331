/* parley presence: who is online, and where. */
#include <limits.h>
#include <stdio.h>

#include "census.h"
#include "command.h"
#include "common/table.h"
#include "user.h"
#include "words.h"

#define PROGRAM "parley presence"

static const char help[] =
    "usage: parley presence [FLAGS] USER...\n"
    "\n"
    "Prints whether each USER is online, as Redis knows it; no gateway is asked. Below it, a\n"
    "line for each session: gateway, number, device, and since when. A session of a gateway\n"
    "that is not live does not count; its line says why.\n"
    "\n"
    "Names are written as in the keys of Redis: a blank is %20.\n"
    "\n" CENSUS_HELP;

static void add_session(struct table *table, const struct user_session *session)
{
    struct builder cell;

    builder_init(&cell, SIZE_MAX);
    if (session->is_strange) {
        table_add_id(table, session->field);
        table_add_id(table, session->value);
    } else {
        words_append_time(&cell, session->since_ms);
        table_add_id(table, session->incarnation);
        table_add(table, session->number);
        table_add_id(table, session->device);
        table_add(table, builder_text(&cell));
    }
    if (!user_session_is_live(session)) {
        builder_reset(&cell);
        builder_append_string(&cell, "does not count: ");
        user_session_append_why(session, &cell);
        table_add(table, builder_text(&cell));
    }
    table_end_row(table);
    builder_clear(&cell);
}

static void append_user(const struct census *census, struct text user,
                        const struct user_sessions *sessions, struct builder *out)
{
    int64_t live = 0;
    int64_t since_ms = -1;

    for (size_t i = sessions->count; i > 0; i--) { /* the oldest last */
        if (!user_session_is_live(&sessions->items[i - 1]))
            continue;
        live++;
        since_ms = sessions->items[i - 1].since_ms;
    }
    builder_append_key_part(out, user);
    if (live > 0) {
        builder_append_string(out, ": online, ");
        words_append_count(out, live, "session");
        builder_append_string(out, ", since ");
        words_append_time(out, since_ms);
    } else {
        since_ms = user_read_seen(census, user);
        builder_append_string(out, ": offline");
        builder_append_string(out, since_ms > 0 ? ", last seen " : "");
        if (since_ms > 0)
            words_append_time(out, since_ms);
    }
    builder_append_char(out, '\n');
}

static void print_user(const struct census *census, struct text user)
{
    struct user_sessions sessions = user_read_sessions(census, user);
    struct table table;
    struct builder out;

    table_init(&table);
    builder_init(&out, SIZE_MAX);
    append_user(census, user, &sessions, &out);
    for (size_t i = 0; i < sessions.count; i++)
        add_session(&table, &sessions.items[i]);
    table_append(&table, "  ", &out);
    if (!census_failed(census)) {
        fwrite(out.data, 1, out.len, stdout);
        if (sessions.is_cut)
            fprintf(stderr, "%s: there are more than %d sessions\n", PROGRAM, CENSUS_LIST_MAX);
    }
    table_clear(&table);
    builder_clear(&out);
    user_sessions_clear(&sessions);
}

static void print(const struct census *census, char **users, int count)
{
    census_warn_of_schema(census);
    for (int i = 0; i < count; i++)
        print_user(census, text_of(users[i]));
}

int presence_run(int argc, char **argv)
{
    static const struct census_command command = {
        .program = PROGRAM,
        .help = help,
        .min = 1,
        .max = INT_MAX,
        .wanted = "USER is missing",
        .users = INT_MAX,
        .print = print,
    };

    return census_run(&command, argc, argv);
}
