#include "broker/cursors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <hiredis/hiredis.h>

#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"
#include "broker/internal.h"

#define FLUSH_MS 1000
#define MAX_CALLS 256 /* without an answer; a flush for the end has no bound */

#define FIXED_ARGS 4 /* two keys, the time of expiry, how many devices */
_Static_assert(FIXED_ARGS + 2 * CURSORS_MAX_DEVICES <= SCRIPT_MAX_ARGS,
               "all devices of a user must fit into one call");

/* What became of a cursor that was handed to Redis. */
enum result { RESULT_WRITTEN, RESULT_PASSED, RESULT_REFUSED, RESULT_UNANSWERED };
static const char *const RESULTS[] = {"written", "passed", "refused", "unanswered"};

/* One cursor that is not written. */
struct move {
    struct move *next;
    struct message_id id;
    uint64_t call; /* the number of the call that carries this id; 0: none does */
    struct text device;
};

enum queue { QUEUE_NONE, QUEUE_GATHERED, QUEUE_SENDING };

/* A user with moves, or with calls. */
struct reader {
    TAILQ_ENTRY(reader) link; /* in the queue that `queue` names */
    enum queue queue;
    struct move *moves;
    size_t count;
    size_t calls; /* that have no answer */
    struct text user;
};

TAILQ_HEAD(reader_queue, reader);

struct cursors {
    struct broker *broker;
    int64_t ttl_ms;
    struct map *readers;          /* user -> struct reader */
    struct reader_queue gathered; /* go with the next flush */
    struct reader_queue sending;  /* are part of this one */
    struct timer *timer;          /* to the next flush; runs while there are gathered ones */
    bool held; /* Redis takes nothing: nothing more is sent until the next flush */
    size_t calls;
    uint64_t last_call;
    struct builder scratch;
};

/* A script that has no answer. */
struct call {
    struct cursors *cursors;
    struct reader *reader;
    uint64_t number;
    size_t count; /* of cursors */
};

static void on_timer(void *arg);

struct cursors *cursors_new(struct loop *loop, struct broker *broker, int64_t mailbox_ttl_ms)
{
    struct cursors *cursors = memory_alloc(sizeof(*cursors));

    metrics_label_values(METRIC_CURSORS, RESULTS, sizeof(RESULTS) / sizeof(*RESULTS));
    cursors->broker = broker;
    cursors->ttl_ms = 2 * mailbox_ttl_ms;
    cursors->readers = map_new();
    TAILQ_INIT(&cursors->gathered);
    TAILQ_INIT(&cursors->sending);
    cursors->timer = timer_new(loop, on_timer, cursors);
    builder_init(&cursors->scratch, SIZE_MAX);
    return cursors;
}

/* ---- Moves and readers ---- */

static void remove_move(struct reader *reader, struct move **at)
{
    struct move *move = *at;

    *at = move->next;
    reader->count--;
    metrics_add(METRIC_CURSORS_PENDING, -1);
    free(move);
}

static struct reader_queue *queue_of(struct cursors *cursors, enum queue queue)
{
    return queue == QUEUE_GATHERED ? &cursors->gathered : &cursors->sending;
}

static void dequeue(struct cursors *cursors, struct reader *reader)
{
    if (reader->queue != QUEUE_NONE)
        TAILQ_REMOVE(queue_of(cursors, reader->queue), reader, link);
    reader->queue = QUEUE_NONE;
}

/* Does not move a flush that is awaited already: the first move decides. */
static void wait_for_flush(struct cursors *cursors)
{
    if (!timer_is_running(cursors->timer))
        timer_start(cursors->timer, FLUSH_MS);
}

static void gather(struct cursors *cursors, struct reader *reader)
{
    if (reader->queue != QUEUE_NONE)
        return;
    TAILQ_INSERT_TAIL(&cursors->gathered, reader, link);
    reader->queue = QUEUE_GATHERED;
    wait_for_flush(cursors);
}

static void free_reader(struct cursors *cursors, struct reader *reader)
{
    dequeue(cursors, reader);
    map_remove(cursors->readers, reader->user);
    while (reader->moves != NULL)
        remove_move(reader, &reader->moves);
    free(reader);
}

static struct reader *reader_of(struct cursors *cursors, struct text user)
{
    struct reader *reader = map_get(cursors->readers, user);

    if (reader != NULL)
        return reader;
    reader = memory_alloc(sizeof(*reader) + user.len);
    reader->user = (struct text){memcpy(reader + 1, user.at, user.len), user.len};
    map_set(cursors->readers, user, reader);
    return reader;
}

static void add_move(struct reader *reader, struct text device, struct message_id id)
{
    struct move *move = memory_alloc(sizeof(*move) + device.len);

    move->id = id;
    move->device = (struct text){memcpy(move + 1, device.at, device.len), device.len};
    move->next = reader->moves;
    reader->moves = move;
    reader->count++;
    metrics_add(METRIC_CURSORS_PENDING, 1);
}

/* With all the others written, this one would be the first to go in Redis. */
static void remove_lowest(struct reader *reader)
{
    struct move **lowest = &reader->moves;

    for (struct move **at = &reader->moves; *at != NULL; at = &(*at)->next)
        if (message_id_compare((*at)->id, (*lowest)->id) < 0)
            lowest = at;
    remove_move(reader, lowest);
}

void cursors_move(struct cursors *cursors, struct text user, struct text device,
                  struct message_id id)
{
    struct reader *reader = reader_of(cursors, user);
    struct move *move = reader->moves;

    while (move != NULL && !text_equal(move->device, device))
        move = move->next;
    if (move == NULL) {
        add_move(reader, device, id);
        if (reader->count > CURSORS_MAX_DEVICES)
            remove_lowest(reader);
    } else if (message_id_compare(id, move->id) > 0) {
        move->id = id;
        move->call = 0;
    } else {
        return;
    }
    gather(cursors, reader);
}

/* ---- Calls ---- */

static void send_on(struct cursors *cursors, size_t max_calls);

/* The moves that the call carried, unless they went on meanwhile: done with, or to be sent again.
 */
static void settle(struct call *call, bool done)
{
    struct reader *reader = call->reader;
    bool kept = false;

    for (struct move **at = &reader->moves; *at != NULL;) {
        struct move *move = *at;

        if (move->call == call->number) {
            if (done) {
                remove_move(reader, at);
                continue;
            }
            move->call = 0;
            kept = true;
        }
        at = &move->next;
    }
    if (kept)
        gather(call->cursors, reader);
}

static bool is_foreign_key(const struct redisReply *reply)
{
    return strncmp(reply->str, "WRONGTYPE", strlen("WRONGTYPE")) == 0;
}

static void count_outcome(const struct call *call, enum broker_outcome outcome,
                          const struct redisReply *reply)
{
    if (outcome == BROKER_ANSWERED) {
        metrics_add_labelled(METRIC_CURSORS, RESULT_WRITTEN, reply->integer);
        metrics_add_labelled(METRIC_CURSORS, RESULT_PASSED, (int64_t)call->count - reply->integer);
    } else {
        metrics_add_labelled(METRIC_CURSORS,
                             outcome == BROKER_REFUSED ? RESULT_REFUSED : RESULT_UNANSWERED,
                             (int64_t)call->count);
    }
}

static void on_answer(void *arg, enum broker_outcome outcome, const struct redisReply *reply)
{
    struct call *call = arg;
    struct cursors *cursors = call->cursors;
    struct reader *reader = call->reader;
    /* A key of another type is one user's trouble; everything else everybody's. */
    bool is_useless = outcome == BROKER_REFUSED && is_foreign_key(reply);

    if (outcome == BROKER_ANSWERED && (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0 ||
                                       (size_t)reply->integer > call->count)) {
        log_repeated(LOG_LEVEL_ERROR, "redis_answer_wrong", LOG_STRING("script", "cursor"));
        outcome = BROKER_UNANSWERED;
    }
    cursors->calls--;
    reader->calls--;
    count_outcome(call, outcome, reply);
    settle(call, outcome == BROKER_ANSWERED || is_useless);
    if (reader->moves == NULL && reader->calls == 0)
        free_reader(cursors, reader);
    free(call);
    if (outcome != BROKER_ANSWERED && !is_useless)
        cursors->held = true;
    if (!cursors->held)
        send_on(cursors, MAX_CALLS);
    else if (!TAILQ_EMPTY(&cursors->sending))
        wait_for_flush(cursors);
}

/* The moves of one user that no call carries. */
static void send_reader(struct cursors *cursors, struct reader *reader)
{
    const struct keys *keys = broker_keys(cursors->broker);
    struct builder *bytes = &cursors->scratch;
    char ids[CURSORS_MAX_DEVICES][MESSAGE_ID_TEXT_MAX];
    size_t ends[2 + CURSORS_MAX_DEVICES]; /* in `bytes`, of the keys and the devices */
    struct text args[FIXED_ARGS + 2 * CURSORS_MAX_DEVICES];
    char ttl[24];
    char max[16];
    struct call *call = memory_alloc(sizeof(*call));

    *call = (struct call){cursors, reader, ++cursors->last_call, 0};
    builder_reset(bytes);
    keys_cursor(keys, reader->user, bytes);
    ends[0] = bytes->len;
    keys_mailbox(keys, reader->user, bytes);
    ends[1] = bytes->len;
    snprintf(ttl, sizeof(ttl), "%lld", (long long)cursors->ttl_ms);
    snprintf(max, sizeof(max), "%d", CURSORS_MAX_DEVICES);
    args[2] = text_of(ttl);
    args[3] = text_of(max);
    for (struct move *move = reader->moves; move != NULL; move = move->next) {
        if (move->call != 0)
            continue;
        move->call = call->number;
        builder_append_key_part(bytes, move->device);
        ends[2 + call->count] = bytes->len;
        args[FIXED_ARGS + 2 * call->count + 1] = message_id_format(move->id, ids[call->count]);
        call->count++;
    }
    args[0] = (struct text){bytes->data, ends[0]};
    args[1] = (struct text){bytes->data + ends[0], ends[1] - ends[0]};
    for (size_t i = 0; i < call->count; i++)
        args[FIXED_ARGS + 2 * i] =
            (struct text){bytes->data + ends[1 + i], ends[2 + i] - ends[1 + i]};
    cursors->calls++;
    reader->calls++;
    scripts_run(broker_scripts(cursors->broker), SCRIPT_CURSOR, args, 2,
                FIXED_ARGS + 2 * call->count, on_answer, call);
}

static bool has_unsent(const struct reader *reader)
{
    const struct move *move = reader->moves;

    while (move != NULL && move->call != 0)
        move = move->next;
    return move != NULL;
}

/* What is part of the flush that is under way. */
static void send_on(struct cursors *cursors, size_t max_calls)
{
    struct reader *reader;

    while (cursors->calls < max_calls && (reader = TAILQ_FIRST(&cursors->sending)) != NULL) {
        dequeue(cursors, reader);
        if (has_unsent(reader))
            send_reader(cursors, reader);
    }
}

static void flush(struct cursors *cursors, size_t max_calls)
{
    struct reader *reader;

    timer_stop(cursors->timer);
    cursors->held = false;
    TAILQ_FOREACH(reader, &cursors->gathered, link)
    reader->queue = QUEUE_SENDING;
    TAILQ_CONCAT(&cursors->sending, &cursors->gathered, link);
    send_on(cursors, max_calls);
}

void cursors_hurry(struct cursors *cursors, struct text user)
{
    struct reader *reader = map_get(cursors->readers, user);

    if (reader == NULL || reader->queue != QUEUE_GATHERED || cursors->held ||
        cursors->calls >= MAX_CALLS || !broker_is_up(cursors->broker))
        return;
    dequeue(cursors, reader);
    if (has_unsent(reader))
        send_reader(cursors, reader);
}

static void on_timer(void *arg)
{
    struct cursors *cursors = arg;

    if (broker_is_up(cursors->broker)) /* else cursors_up() follows */
        flush(cursors, MAX_CALLS);
}

void cursors_up(struct cursors *cursors)
{
    flush(cursors, MAX_CALLS);
}

void cursors_flush(struct cursors *cursors)
{
    flush(cursors, SIZE_MAX);
}

static void free_visited(void *arg, struct text user, void *value)
{
    (void)user;
    free_reader(arg, value);
}

void cursors_free(struct cursors *cursors)
{
    if (cursors == NULL)
        return;
    map_each(cursors->readers, free_visited, cursors);
    map_free(cursors->readers);
    timer_free(cursors->timer);
    builder_clear(&cursors->scratch);
    free(cursors);
}
