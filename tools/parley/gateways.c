/* parley gateways: every gateway that has, or had, a lease in Redis. */
#include <inttypes.h>
#include <stdio.h>

#include "census.h"
#include "command.h"
#include "common/table.h"
#include "session.h"

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

static void print(const struct census *census, const struct census_gateways *gateways)
{
    struct table table;
    struct builder out;

    table_init(&table);
    builder_init(&out, SIZE_MAX);
    add_header(&table);
    for (size_t i = 0; i < gateways->count; i++)
        add_gateway(&table, &gateways->items[i]);
    table_append(&table, "", &out);
    fwrite(out.data, 1, out.len, stdout);
    census_warn_of_schema(census);
    if (gateways->is_cut)
        fprintf(stderr, "%s: there are more than %d\n", PROGRAM, CENSUS_LIST_MAX);
    table_clear(&table);
    builder_clear(&out);
}

int gateways_run(int argc, char **argv)
{
    struct census census;
    struct census_gateways gateways;
    int status;
    int operands = census_arguments(&census, PROGRAM, help, argc, argv, &status);

    if (operands > 0) {
        fputs(PROGRAM ": it takes flags only (parley gateways --help)\n", stderr);
        status = STATUS_USAGE;
    }
    if (operands == 0) {
        census_begin(&census);
        gateways = census_read_gateways(&census, true);
        if (!census_failed(&census))
            print(&census, &gateways);
        census_gateways_clear(&gateways);
        status = census_status(&census);
    }
    census_end(&census);
    return status;
}
