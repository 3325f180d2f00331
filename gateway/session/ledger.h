/* session/ledger.h: what became of every message that a session was offered, as metrics:
 *
 *     offered by push and by pull = what is queued now + all of enum ledger_result */
#pragma once

enum ledger_source { LEDGER_PUSH, LEDGER_PULL, LEDGER_SOURCE_COUNT };

enum ledger_result {
    LEDGER_WRITTEN,
    LEDGER_DUPLICATE, /* the session was given it before */
    LEDGER_WITHHELD,  /* a copy of what it sent itself, or a copy for a pair session */
    LEDGER_DEFERRED,  /* will be pulled: no room, or not caught up */
    LEDGER_DROPPED,   /* cannot be pulled, as it has no id, and could not be queued */
    LEDGER_DISCARDED, /* was queued when the session ended */
    LEDGER_RESULT_COUNT
};

void ledger_register(void); /* the labels of the metrics; once */
void ledger_offered(enum ledger_source source);
void ledger_settled(enum ledger_result result);
