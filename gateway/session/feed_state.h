/* session/feed_state.h: what router/feed.c knows of one session; nobody else reads or writes it. */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "message/id.h"

enum feed_stage {
    FEED_IDLE,    /* not begun */
    FEED_QUEUED,  /* waits for its turn to read */
    FEED_ASKED,   /* Redis was asked for a page of each user's mailbox */
    FEED_WAITING, /* the client has to read before more is pulled */
    FEED_LIVE,    /* gets what is published */
};

struct feed_state {
    enum feed_stage stage;
    bool has_begun;          /* its positions are known: not to be read from the cursor any more */
    bool is_gap_told;        /* and nothing was given since: it is not told again */
    bool has_acked;          /* with ack=client: everything that was given */
    bool is_stale;           /* ASKED: what comes is not enough to be LIVE */
    unsigned epoch;          /* in which it got its positions */
    struct message_id given; /* the last one, or where giving began */
    TAILQ_ENTRY(feed_state) link; /* while QUEUED */
    struct message_id pushed[2];  /* ASKED: the highest id of each user that was published since */
};
