#include "session/ledger.h"

#include "base/metrics.h"

static const char *const sources[LEDGER_SOURCE_COUNT] = {"push", "pull"};
static const char *const results[LEDGER_RESULT_COUNT] = {
    "written", "duplicate", "withheld", "deferred", "dropped", "discarded",
};

void ledger_register(void)
{
    metrics_label_values(METRIC_OFFERED, sources, LEDGER_SOURCE_COUNT);
    metrics_label_values(METRIC_DELIVERIES, results, LEDGER_RESULT_COUNT);
}

void ledger_offered(enum ledger_source source)
{
    metrics_add_labelled(METRIC_OFFERED, source, 1);
}

void ledger_settled(enum ledger_result result)
{
    metrics_add_labelled(METRIC_DELIVERIES, result, 1);
}
