/* parley gateways: every gateway that has, or had, a lease in Redis. */
#include <inttypes.h>
#include <stdio.h>

#include "census.h"
#include "command.h"
#include "common/table.h"

#define PROGRAM "parley gateways"

static const char help[] =
    "usage: parley gateways [FLAGS]\n"
    "\n"
    "Prints every gateway that Redis knows, a line each; no gateway is asked.\n"
    "\n"
    "  GATEWAY      its incarnation: --id and digits that are new at each start\n"
    "  STATE        live; expired: its lease is over, and others will clean up after it;\n"
    "               cleaning: dead, and one of them does\n"
    "  LEFT         seconds of its lease, or of the claim to clean up; below 0: over so long\n"
    "  USERS        that it has registered\n"
    "  SUBSCRIBERS  of its own channel: 1 while it hears its beats\n"
    "\n" CENSUS_HELP;

static void add_header(struct table *table)
{
    table_add(table, TEXT("GATEWAY"));
    table_add(table, TEXT("STATE"));
    table_add(table, TEXT("LEFT"));
    table_add(table, TEXT("USERS"));
    table_add(table, TEXT("SUBSCRIBERS"));
    table_end_row(table);
}

static void add_gateway(struct table *table, const struct census_gateway *gateway)
{
    static const struct text states[] = {
        [CENSUS_LIVE] = {"live", 4},
        [CENSUS_EXPIRED] = {"expired", 7},
        [CENSUS_CLEANING] = {"cleaning", 8},
    };
    int64_t tenths = gateway->left_ms / 100;
    char left[32];
    int len = snprintf(left, sizeof(left), "%s%" PRId64 ".%" PRId64, tenths < 0 ? "-" : "",
                       (tenths < 0 ? -tenths : tenths) / 10, (tenths < 0 ? -tenths : tenths) % 10);

    table_add_id(table, gateway->incarnation);
    table_add(table, states[gateway->lease]);
    table_add(table, (struct text){left, (size_t)len});
    table_add_number(table, gateway->users);
    table_add_number(table, gateway->subscribers);
    table_end_row(table);
}

static void print(const struct census *census, char **operands, int count)
{
    struct census_gateways gateways = census_read_gateways(census, true);
    struct table table;
    struct builder out;

    (void)operands;
    (void)count;
    table_init(&table);
    builder_init(&out, SIZE_MAX);
    add_header(&table);
    for (size_t i = 0; i < gateways.count; i++)
        add_gateway(&table, &gateways.items[i]);
    table_append(&table, "", &out);
    if (!census_failed(census)) {
        fwrite(out.data, 1, out.len, stdout);
        census_warn_of_schema(census);
        if (gateways.is_cut)
            fprintf(stderr, "%s: there are more than %d\n", PROGRAM, CENSUS_LIST_MAX);
    }
    table_clear(&table);
    builder_clear(&out);
    census_gateways_clear(&gateways);
}

int gateways_run(int argc, char **argv)
{
    static const struct census_command command = {
        .program = PROGRAM,
        .help = help,
        .wanted = "it takes flags only",
        .print = print,
    };

    return census_run(&command, argc, argv);
}
