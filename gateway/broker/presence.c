#include "broker/presence.h"

#include <stdlib.h>

#include "broker/internal.h"

struct read {
    presence_read_cb *done;
    void *arg;
};

static void on_answer(void *arg, enum broker_outcome outcome, const struct presence_answer *answer)
{
    struct read *read = arg;
    struct presence_state state;

    if (outcome == BROKER_ANSWERED)
        state = (struct presence_state){.online = answer->sessions > 0,
                                        .sessions = answer->sessions,
                                        .since_ms = answer->since_ms,
                                        .at_ms = answer->at_ms};
    read->done(read->arg, outcome, outcome == BROKER_ANSWERED ? &state : NULL);
    free(read);
}

void presence_read(struct broker *broker, struct text user, presence_read_cb *done, void *arg)
{
    struct read *read = memory_alloc(sizeof(*read));
    const struct presence_request request = {.operation = PRESENCE_LOOK, .user = user};

    read->done = done;
    read->arg = arg;
    presence_call(broker_presence_calls(broker), &request, on_answer, read);
}
