#include "session/receipts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"

#define PING_MS 1000 /* between two pings for receipts */
#define END_MS 1000
/* Who sends frames and never a pong is not dropped, but not pinged for receipts any more. */
#define NOTES_MAX 16

struct receipt_note {
    uint32_t number;
    struct message_id written[2];
};

struct receipts {
    struct loop *loop;
    struct delay *pings;
    struct delay *ends;
};

static void ping_due(void *arg, struct delay_link *link)
{
    (void)arg;
    session_want_ping(
        (struct session *)(void *)((char *)link - offsetof(struct session, receipt.ping_due)));
}

static void end_due(void *arg, struct delay_link *link)
{
    (void)arg;
    session_close(
        (struct session *)(void *)((char *)link - offsetof(struct session, receipt.end_due)),
        CLOSE_GOING_AWAY);
}

struct receipts *receipts_new(struct loop *loop)
{
    struct receipts *receipts = memory_alloc(sizeof(*receipts));

    receipts->loop = loop;
    receipts->pings = delay_new(loop, PING_MS, ping_due, receipts);
    receipts->ends = delay_new(loop, END_MS, end_due, receipts);
    return receipts;
}

void receipts_free(struct receipts *receipts)
{
    if (receipts == NULL)
        return;
    delay_free(receipts->pings);
    delay_free(receipts->ends);
    free(receipts);
}

static void forget(struct receipt *receipt, unsigned count)
{
    receipt->note_count -= count;
    if (receipt->note_count == 0) {
        free(receipt->notes);
        receipt->notes = NULL;
    } else {
        memmove(receipt->notes, receipt->notes + count,
                receipt->note_count * sizeof(*receipt->notes));
    }
}

void receipts_remove(struct receipts *receipts, struct session *session)
{
    struct receipt *receipt = &session->receipt;

    delay_remove(receipts->pings, &receipt->ping_due);
    delay_remove(receipts->ends, &receipt->end_due);
    if (receipt->note_count > 0)
        forget(receipt, receipt->note_count);
}

static bool are_equal(const struct session *session, const struct message_id *left,
                      const struct message_id *right)
{
    for (size_t i = 0; i < session->user_count; i++)
        if (message_id_compare(left[i], right[i]) != 0)
            return false;
    return true;
}

void receipts_wrote(struct receipts *receipts, struct session *session)
{
    struct receipt *receipt = &session->receipt;

    if (!receipt->is_kept || receipt->note_count == NOTES_MAX || session->wants_ping ||
        session->state == SESSION_CLOSING)
        return;
    if (session->leaving || loop_now_ms(receipts->loop) - receipt->pinged_ms >= PING_MS)
        session_want_ping(session);
    else
        delay_add(receipts->pings, &receipt->ping_due);
}

/* What is passed by while nothing is queued has nothing in front of it. */
static void look_at_position(struct session *session)
{
    if (session->output.messages == 0)
        memcpy(session->receipt.written, session->position, sizeof(session->position));
}

struct text receipts_ping(struct receipts *receipts, struct session *session,
                          char payload[RECEIPT_PAYLOAD_MAX])
{
    struct receipt *receipt = &session->receipt;
    int len;

    receipt->number++;
    receipt->pinged_ms = loop_now_ms(receipts->loop);
    delay_remove(receipts->pings, &receipt->ping_due);
    look_at_position(session);
    if (receipt->is_kept && receipt->note_count < NOTES_MAX &&
        !are_equal(session, receipt->written, receipt->noted)) {
        if (receipt->notes == NULL)
            receipt->notes = memory_alloc(NOTES_MAX * sizeof(*receipt->notes));
        struct receipt_note *note = &receipt->notes[receipt->note_count++];

        note->number = receipt->number;
        memcpy(note->written, receipt->written, sizeof(note->written));
        memcpy(receipt->noted, receipt->written, sizeof(receipt->noted));
    }
    len = snprintf(payload, RECEIPT_PAYLOAD_MAX, "%u", (unsigned)receipt->number);
    return (struct text){payload, (size_t)len};
}

bool receipts_pong(struct receipts *receipts, struct session *session, uint32_t number)
{
    struct receipt *receipt = &session->receipt;
    unsigned count = 0;

    while (count < receipt->note_count && receipt->notes[count].number <= number)
        count++;
    if (count == 0)
        return false;
    memcpy(receipt->arrived, receipt->notes[count - 1].written, sizeof(receipt->arrived));
    forget(receipt, count);
    look_at_position(session);
    if (!are_equal(session, receipt->written, receipt->noted))
        receipts_wrote(receipts, session); /* for which there was no note left, or in leaving */
    return true;
}

void receipts_begin(struct session *session, unsigned user, struct message_id position)
{
    struct receipt *receipt = &session->receipt;

    receipt->written[user] = receipt->noted[user] = receipt->arrived[user] = position;
    for (unsigned i = 0; i < receipt->note_count; i++)
        receipt->notes[i].written[user] = position;
}

bool receipts_are_complete(const struct session *session)
{
    return !session->receipt.is_kept ||
           (session->output.messages == 0 &&
            are_equal(session, session->position, session->receipt.arrived));
}

void receipts_end(struct receipts *receipts, struct session *session)
{
    delay_add(receipts->ends, &session->receipt.end_due);
    if (session->output.messages == 0)
        session_want_ping(session);
}
