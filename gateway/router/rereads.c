#include "router/rereads.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"

#define IN_FLIGHT_MAX 64
#define AGAIN_MS 1000 /* after one that Redis did not answer */
/* The length of a lease: who has not registered its sessions anew by then is dead. */
#define DOUBT_MS 10000

TAILQ_HEAD(reread_list, reread);

struct rereads {
    struct broker *broker;
    struct reread_list queued;
    struct reread_list doubted;
    size_t in_flight;
    struct timer *pause; /* while it runs, nothing is sent */
    struct timer *doubt;
    reread_cb *done;
    void *arg;
    size_t answered; /* since the queue was empty, for the log */
    size_t doubts;
};

static struct reread_list *list_of(struct rereads *rereads, enum reread_place place)
{
    if (place == REREAD_QUEUED)
        return &rereads->queued;
    return place == REREAD_DOUBTED ? &rereads->doubted : NULL;
}

static void move(struct rereads *rereads, struct reread *reread, enum reread_place place)
{
    struct reread_list *from = list_of(rereads, reread->place);
    struct reread_list *to = list_of(rereads, place);

    if (from != NULL)
        TAILQ_REMOVE(from, reread, link);
    if (to != NULL)
        TAILQ_INSERT_TAIL(to, reread, link);
    reread->place = place;
    if (TAILQ_EMPTY(&rereads->doubted))
        timer_stop(rereads->doubt);
}

static void log_end(struct rereads *rereads)
{
    if (rereads->in_flight > 0 || !TAILQ_EMPTY(&rereads->queued) || rereads->answered == 0)
        return;
    log_info("watched_users_read", LOG_NUMBER("users", rereads->answered),
             LOG_NUMBER("doubted", rereads->doubts));
    rereads->answered = 0;
    rereads->doubts = 0;
}

static void on_state(void *arg, enum broker_outcome outcome, const struct presence_state *state);

static void send_queued(struct rereads *rereads)
{
    struct reread *reread;

    while (rereads->in_flight < IN_FLIGHT_MAX && !timer_is_running(rereads->pause) &&
           (reread = TAILQ_FIRST(&rereads->queued)) != NULL) {
        move(rereads, reread, REREAD_SENT);
        rereads->in_flight++;
        presence_read(rereads->broker, reread->user, on_state, reread);
    }
}

static void on_state(void *arg, enum broker_outcome outcome, const struct presence_state *state)
{
    struct reread *reread = arg;
    struct rereads *rereads = reread->rereads;
    bool is_good = outcome == BROKER_ANSWERED && !reread->is_stale;

    rereads->in_flight--;
    move(rereads, reread, REREAD_IDLE);
    reread->is_stale = false;
    if (is_good) {
        rereads->answered++;
        reread->is_wanted = false;
    } else if (reread->is_wanted) {
        move(rereads, reread, REREAD_QUEUED);
        if (outcome != BROKER_ANSWERED)
            timer_start(rereads->pause, AGAIN_MS);
    }
    rereads->done(rereads->arg, reread, is_good ? state : NULL);
    send_queued(rereads);
    log_end(rereads);
}

static void go_on(void *arg)
{
    send_queued(arg);
}

static void read_doubted(void *arg)
{
    struct rereads *rereads = arg;
    struct reread *reread;

    while ((reread = TAILQ_FIRST(&rereads->doubted)) != NULL) {
        reread->is_certain = true;
        move(rereads, reread, REREAD_QUEUED);
    }
    send_queued(rereads);
}

struct rereads *rereads_new(struct loop *loop, struct broker *broker, reread_cb *done, void *arg)
{
    struct rereads *rereads = memory_alloc(sizeof(*rereads));

    rereads->broker = broker;
    TAILQ_INIT(&rereads->queued);
    TAILQ_INIT(&rereads->doubted);
    rereads->pause = timer_new(loop, go_on, rereads);
    rereads->doubt = timer_new(loop, read_doubted, rereads);
    rereads->done = done;
    rereads->arg = arg;
    return rereads;
}

void rereads_free(struct rereads *rereads)
{
    if (rereads == NULL)
        return;
    assert(rereads->in_flight == 0);
    timer_free(rereads->pause);
    timer_free(rereads->doubt);
    free(rereads);
}

void rereads_add(struct rereads *rereads, struct reread *reread)
{
    reread->rereads = rereads;
    reread->is_wanted = true;
    reread->is_certain = false;
    if (reread->place == REREAD_SENT)
        reread->is_stale = true;
    else if (reread->place != REREAD_QUEUED)
        move(rereads, reread, REREAD_QUEUED);
    send_queued(rereads);
}

void rereads_remove(struct rereads *rereads, struct reread *reread)
{
    reread->is_wanted = false;
    if (reread->place == REREAD_SENT)
        reread->is_stale = true;
    else
        move(rereads, reread, REREAD_IDLE);
}

void rereads_doubt(struct rereads *rereads, struct reread *reread)
{
    assert(reread->place == REREAD_IDLE);
    reread->is_wanted = true;
    rereads->doubts++;
    move(rereads, reread, REREAD_DOUBTED);
    if (!timer_is_running(rereads->doubt))
        timer_start(rereads->doubt, DOUBT_MS);
}
