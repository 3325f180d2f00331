#include "broker/roster.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/map.h"
#include "base/metrics.h"

#define RETRY_MS 200 /* after what was not answered: Redis is behind, or about to be lost */

enum result { RESULT_REGISTERED, RESULT_FULL, RESULT_REFUSED, RESULT_REPEATED };
static const char *const RESULTS[] = {"registered", "full", "refused", "repeated"};

enum state { QUEUED, ASKED, SETTLED };

struct registration {
    TAILQ_ENTRY(registration) link; /* in the queue, while QUEUED */
    struct registration *next;      /* of the same user */
    struct roster *roster;
    struct member *member;
    enum state state;
    bool leaving;   /* the session is gone */
    bool told;      /* this incarnation's field may be in Redis */
    bool admitted;  /* once: the limit is not asked again */
    bool renewing;  /* counted in roster.renewing */
    uint64_t epoch; /* when it was asked */
    uint64_t number;
    unsigned max;
    struct text device;
};

/* A user with registrations. */
struct member {
    struct registration *first;
    bool enlisted; /* perhaps */
    bool doubted;  /* perhaps not: to be said again before anything is registered */
    struct text user;
};

struct roster {
    struct roster_settings settings;
    struct loop *loop;
    struct map *members; /* user -> struct member */
    TAILQ_HEAD(, registration) queue;
    struct deferred run;
    struct timer *retry; /* nothing is asked while it runs */
    bool leased;
    uint64_t epoch; /* counts the incarnations */
    size_t count;
    size_t asked;
    size_t renewing; /* registrations from before this incarnation, not settled yet */
    bool refused;    /* the last answer was that Redis takes no registrations now */
    struct deferred tell_changed;
    loop_cb *drained;
    void *drained_arg;
    struct deferred tell_drained;
};

/* ---- Members and registrations ---- */

static void tell_changed(void *arg)
{
    struct roster *roster = arg;

    roster->settings.changed(roster->settings.arg);
}

static struct member *member_of(struct roster *roster, struct text user)
{
    struct member *member = map_get(roster->members, user);

    if (member != NULL)
        return member;
    member = memory_alloc(sizeof(*member) + user.len);
    member->user = (struct text){memcpy(member + 1, user.at, user.len), user.len};
    map_set(roster->members, user, member);
    return member;
}

static struct registration *find(const struct roster *roster, struct text user, uint64_t number)
{
    const struct member *member = map_get(roster->members, user);
    struct registration *at = member == NULL ? NULL : member->first;

    while (at != NULL && at->number != number)
        at = at->next;
    return at;
}

static void set_renewing(struct registration *registration, bool renewing)
{
    struct roster *roster = registration->roster;

    if (registration->renewing == renewing)
        return;
    registration->renewing = renewing;
    roster->renewing += renewing ? 1 : (size_t)-1;
    if (roster->renewing == 0)
        loop_defer(roster->loop, &roster->tell_changed);
}

static void set_refused(struct roster *roster, bool refused)
{
    if (roster->refused == refused)
        return;
    roster->refused = refused;
    loop_defer(roster->loop, &roster->tell_changed);
}

/* With nothing to ask there is nothing to be refused. */
static void look_if_idle(struct roster *roster)
{
    if (roster->asked == 0 && TAILQ_EMPTY(&roster->queue))
        set_refused(roster, false);
}

static void set_told(struct registration *registration, bool told)
{
    if (registration->told != told)
        metrics_add(METRIC_REGISTERED_SESSIONS, told ? 1 : -1);
    registration->told = told;
}

static void look_if_drained(struct roster *roster)
{
    if (roster->drained != NULL && (roster->count == 0 || !roster->leased))
        loop_defer(roster->loop, &roster->tell_drained);
}

/* Its member too, when it was the last one. */
static void drop(struct registration *registration)
{
    struct roster *roster = registration->roster;
    struct member *member = registration->member;
    struct registration **at = &member->first;

    while (*at != registration)
        at = &(*at)->next;
    *at = registration->next;
    if (member->first == NULL) {
        if (member->enlisted)
            enlist_remove(&roster->settings.enlist, member->user);
        map_remove(roster->members, member->user);
        free(member);
    }
    set_told(registration, false);
    set_renewing(registration, false);
    free(registration);
    roster->count--;
    look_if_idle(roster);
    look_if_drained(roster);
}

static void enqueue(struct registration *registration)
{
    struct roster *roster = registration->roster;

    registration->state = QUEUED;
    TAILQ_INSERT_TAIL(&roster->queue, registration, link);
    loop_defer(roster->loop, &roster->run);
}

static void repeat(struct registration *registration)
{
    struct roster *roster = registration->roster;

    metrics_add_labelled(METRIC_REGISTRATIONS, RESULT_REPEATED, 1);
    registration->member->doubted = true;
    enqueue(registration);
    if (roster->leased && !timer_is_running(roster->retry))
        timer_start(roster->retry, RETRY_MS);
}

/* ---- Asking ---- */

/* Whether Redis has spoken, and would not say anything else next time. A full disk, too few
 * replicas, a missing right: those pass, or have to; until then nobody may believe that this
 * gateway works. */
static bool is_final(struct roster *roster, enum broker_outcome outcome,
                     const struct presence_answer *answer)
{
    bool passing = outcome == BROKER_REFUSED && !answer->foreign_key;

    if (outcome == BROKER_ANSWERED || outcome == BROKER_REFUSED)
        set_refused(roster, passing);
    return (outcome == BROKER_ANSWERED || outcome == BROKER_REFUSED) && !passing;
}

static void on_left(void *arg, enum broker_outcome outcome, const struct presence_answer *answer)
{
    struct registration *registration = arg;
    struct roster *roster = registration->roster;

    roster->asked--;
    loop_defer(roster->loop, &roster->run);
    if (registration->epoch != roster->epoch || is_final(roster, outcome, answer)) {
        drop(registration); /* of a former incarnation: it goes with that */
    } else {
        repeat(registration);
    }
}

static void settle(struct registration *registration, bool told, enum result result)
{
    struct roster *roster = registration->roster;

    metrics_add_labelled(METRIC_REGISTRATIONS, result, 1);
    registration->state = SETTLED;
    registration->admitted = result != RESULT_FULL;
    set_told(registration, told);
    set_renewing(registration, false);
    if (registration->leaving && told)
        enqueue(registration);
    else if (registration->leaving)
        drop(registration);
    else
        roster->settings.registered(roster->settings.arg, registration->member->user,
                                    registration->number, registration->admitted);
}

static void on_registered(void *arg, enum broker_outcome outcome,
                          const struct presence_answer *answer)
{
    struct registration *registration = arg;
    struct roster *roster = registration->roster;

    roster->asked--;
    loop_defer(roster->loop, &roster->run);
    if (registration->epoch != roster->epoch) {
        if (registration->leaving)
            drop(registration);
        else
            enqueue(registration);
    } else if (is_final(roster, outcome, answer) && answer->full) {
        settle(registration, false, RESULT_FULL);
    } else if (outcome == BROKER_ANSWERED) {
        settle(registration, true, RESULT_REGISTERED);
    } else if (is_final(roster, outcome, answer)) {
        /* A key that is not ours to mend: the log names it, and messages flow all the same. */
        settle(registration, registration->told, RESULT_REFUSED);
    } else {
        if (outcome == BROKER_UNANSWERED)
            set_told(registration, true); /* perhaps */
        repeat(registration);
    }
}

static void ask(struct registration *registration)
{
    struct roster *roster = registration->roster;
    struct member *member = registration->member;
    struct builder field;

    registration->state = ASKED;
    registration->epoch = roster->epoch;
    roster->asked++;
    if (!registration->leaving && (!member->enlisted || member->doubted)) {
        enlist_add(&roster->settings.enlist, member->user);
        member->enlisted = true;
        member->doubted = false;
    }
    builder_init(&field, SIZE_MAX);
    builder_append(&field, lease_incarnation(roster->settings.enlist.lease));
    builder_append_char(&field, '/');
    builder_append_number(&field, registration->number);
    const struct presence_request request = {
        .operation = registration->leaving ? PRESENCE_LEAVE : PRESENCE_REGISTER,
        .user = member->user,
        .field = builder_text(&field),
        .device = registration->device,
        .max = registration->admitted ? 0 : registration->max,
    };
    presence_call(roster->settings.calls, &request, registration->leaving ? on_left : on_registered,
                  registration);
    builder_clear(&field);
}

static void run(void *arg)
{
    struct roster *roster = arg;
    struct registration *registration;

    while (roster->leased && !timer_is_running(roster->retry) && roster->asked < ROSTER_WINDOW &&
           (registration = TAILQ_FIRST(&roster->queue)) != NULL) {
        TAILQ_REMOVE(&roster->queue, registration, link);
        ask(registration);
    }
    look_if_idle(roster);
}

/* ---- Coming and going ---- */

void roster_add(struct roster *roster, const struct broker_session *session)
{
    struct registration *registration = memory_alloc(sizeof(*registration) + session->device.len);
    struct member *member = member_of(roster, session->user);

    registration->roster = roster;
    registration->member = member;
    registration->number = session->number;
    registration->max = session->max;
    registration->device = (struct text){
        memcpy(registration + 1, session->device.at, session->device.len), session->device.len};
    registration->next = member->first;
    member->first = registration;
    roster->count++;
    enqueue(registration);
}

static void leave(struct registration *registration)
{
    registration->leaving = true;
    set_renewing(registration, false);
    if (registration->state == ASKED)
        return; /* its answer comes first */
    if (registration->state == QUEUED)
        TAILQ_REMOVE(&registration->roster->queue, registration, link);
    /* A field of a former name, that was not moved, is removed by the same script. */
    if (registration->told || lease_former(registration->roster->settings.enlist.lease).len > 0)
        enqueue(registration);
    else
        drop(registration);
}

void roster_remove(struct roster *roster, struct text user, uint64_t number)
{
    struct registration *registration = find(roster, user, number);

    if (registration != NULL && !registration->leaving)
        leave(registration);
}

bool roster_has(const struct roster *roster, struct text user, uint64_t number)
{
    const struct registration *registration = find(roster, user, number);

    return registration != NULL && registration->state == SETTLED && registration->admitted;
}

bool roster_is_empty(const struct roster *roster)
{
    return roster->count == 0;
}

/* ---- Incarnations ---- */

static void begin_anew(struct registration *registration)
{
    set_told(registration, false);
    if (registration->state == ASKED) {
        if (!registration->leaving)
            set_renewing(registration, true);
        return;
    }
    if (registration->leaving) { /* QUEUED */
        TAILQ_REMOVE(&registration->roster->queue, registration, link);
        drop(registration);
        return;
    }
    set_renewing(registration, true);
    if (registration->state == SETTLED)
        enqueue(registration);
}

static void each_of_member(struct member *member, void (*visit)(struct registration *registration))
{
    struct registration *next;

    /* The last visit may free the member: only `next` is used then. */
    for (struct registration *at = member->first; at != NULL; at = next) {
        next = at->next;
        visit(at);
    }
}

static void begin_member_anew(void *arg, struct text user, void *value)
{
    struct member *member = value;

    (void)arg;
    (void)user;
    member->enlisted = false;
    each_of_member(member, begin_anew);
}

void roster_begin_anew(struct roster *roster)
{
    roster->epoch++;
    roster->leased = false;
    set_refused(roster, false);
    timer_stop(roster->retry);
    map_each(roster->members, begin_member_anew, NULL);
    look_if_drained(roster);
}

void roster_set_leased(struct roster *roster)
{
    if (roster->leased)
        return;
    roster->leased = true;
    loop_defer(roster->loop, &roster->run);
    loop_defer(roster->loop, &roster->tell_changed);
}

bool roster_is_renewed(const struct roster *roster)
{
    return roster->leased && roster->renewing == 0 && !roster->refused;
}

/* ---- Beginning and end ---- */

static void leave_unless_leaving(struct registration *registration)
{
    if (!registration->leaving)
        leave(registration);
}

static void drain_member(void *arg, struct text user, void *value)
{
    (void)arg;
    (void)user;
    each_of_member(value, leave_unless_leaving);
}

static void tell_drained(void *arg)
{
    struct roster *roster = arg;
    loop_cb *drained = roster->drained;

    roster->drained = NULL;
    drained(roster->drained_arg);
}

void roster_drain(struct roster *roster, loop_cb *done, void *arg)
{
    roster->drained = done;
    roster->drained_arg = arg;
    map_each(roster->members, drain_member, NULL);
    look_if_drained(roster);
}

struct roster *roster_new(struct loop *loop, const struct roster_settings *settings)
{
    struct roster *roster = memory_alloc(sizeof(*roster));

    metrics_label_values(METRIC_REGISTRATIONS, RESULTS, sizeof(RESULTS) / sizeof(*RESULTS));
    roster->settings = *settings;
    roster->loop = loop;
    roster->members = map_new();
    TAILQ_INIT(&roster->queue);
    deferred_init(&roster->run, run, roster);
    deferred_init(&roster->tell_changed, tell_changed, roster);
    deferred_init(&roster->tell_drained, tell_drained, roster);
    roster->retry = timer_new(loop, run, roster);
    return roster;
}

static void free_registration(struct registration *registration)
{
    set_told(registration, false);
    free(registration);
}

static void free_member(void *arg, struct text user, void *value)
{
    (void)arg;
    (void)user;
    each_of_member(value, free_registration);
    free(value);
}

void roster_free(struct roster *roster)
{
    if (roster == NULL)
        return;
    map_each(roster->members, free_member, NULL);
    map_free(roster->members);
    loop_cancel(roster->loop, &roster->run);
    loop_cancel(roster->loop, &roster->tell_changed);
    loop_cancel(roster->loop, &roster->tell_drained);
    timer_free(roster->retry);
    free(roster);
}
