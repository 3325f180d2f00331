#include "router/queries.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "message/write.h"
#include "router/answer.h"

enum query_type { QUERY_PRESENCE, QUERY_WATCH, QUERY_UNWATCH };
static const char *const query_types[] = {"presence", "watch", "unwatch"};

/* One user of a query. */
struct question {
    struct query *query;
    struct watch_hold hold;
    struct text user; /* behind the query's questions */
    struct presence_state state;
};

/* What one session waits for. It outlives its answer until Redis has spoken about every read. */
struct query {
    struct queries *queries;
    TAILQ_ENTRY(query) link; /* until it is answered */
    bool is_answered;
    int64_t deadline_ms;
    uint64_t session; /* its number: it may be gone when the answer comes */
    bool is_watch;
    bool has_ref;
    size_t ref_len;
    char ref[PARSE_REF_MAX];
    size_t reads;   /* in flight */
    size_t missing; /* users whose state is not there yet */
    size_t count;
    struct question questions[];
};

struct queries {
    struct queries_settings settings;
    struct loop *loop;
    TAILQ_HEAD(, query) waiting; /* in the order of their deadlines */
    struct timer *deadline;      /* the first's, or an earlier one */
};

static void look_at_deadlines(void *arg);

struct queries *queries_new(struct loop *loop, const struct queries_settings *settings)
{
    struct queries *queries = memory_alloc(sizeof(*queries));

    metrics_label_values(METRIC_PRESENCE_REQUESTS, query_types, 3);
    queries->settings = *settings;
    queries->loop = loop;
    TAILQ_INIT(&queries->waiting);
    queries->deadline = timer_new(loop, look_at_deadlines, queries);
    return queries;
}

void queries_free(struct queries *queries)
{
    struct query *next;

    if (queries == NULL)
        return;
    for (struct query *query = TAILQ_FIRST(&queries->waiting); query != NULL; query = next) {
        next = TAILQ_NEXT(query, link);
        assert(query->reads == 0); /* it waited for a subscription */
        free(query);
    }
    timer_free(queries->deadline);
    free(queries);
}

/* ---- Answers ---- */

static void write_answer(const struct query *query, struct session *session)
{
    struct user_presence *users = memory_alloc(query->count * sizeof(*users));
    struct builder frame;

    for (size_t i = 0; i < query->count; i++) {
        const struct question *question = &query->questions[i];

        users[i] = (struct user_presence){question->user, question->state.online,
                                          question->state.sessions, question->state.since_ms};
    }
    builder_init(&frame, WRITE_PRESENCE_MAX(query->count));
    write_presence(&frame, users, query->count, query->has_ref,
                   (struct text){query->ref, query->ref_len});
    answer_push_built(session, &frame);
    builder_clear(&frame);
    free(users);
}

/* The one time that the session hears of it. What was held back meanwhile goes behind the answer.
 * The query is freed, unless reads are in flight. */
static void finish(struct query *query, bool is_good)
{
    struct queries *queries = query->queries;
    struct registry *registry = queries->settings.registry;
    struct session *session = registry_find(registry, query->session);

    query->is_answered = true;
    TAILQ_REMOVE(&queries->waiting, query, link);
    if (is_good && session != NULL)
        write_answer(query, session);
    if (!is_good)
        answer_error(session, ERROR_UNAVAILABLE,
                     query->is_watch
                         ? TEXT("Redis is not available: nobody new is watched; ask again later")
                         : TEXT("Redis is not available: ask again later"),
                     query->has_ref, (struct text){query->ref, query->ref_len});
    for (size_t i = 0; i < query->count; i++)
        watches_release(queries->settings.watches, &query->questions[i].hold,
                        is_good ? &query->questions[i].state : NULL);
    session = registry_find(registry, query->session);
    if (session != NULL)
        session_answered(session);
    if (query->reads == 0)
        free(query);
}

/* A subscription is given up with its connection only, which may take longer than anybody should
 * wait. */
static void look_at_deadlines(void *arg)
{
    struct queries *queries = arg;
    int64_t now_ms = loop_now_ms(queries->loop);
    struct query *next = TAILQ_FIRST(&queries->waiting);
    struct query *query;

    while ((query = next) != NULL && query->deadline_ms <= now_ms) {
        next = TAILQ_NEXT(query, link); /* finishing one finishes no other */
        finish(query, false);
    }
    if (next != NULL)
        timer_start(queries->deadline, next->deadline_ms - now_ms);
}

/* ---- Reading ---- */

static void on_state(void *arg, enum broker_outcome outcome, const struct presence_state *state)
{
    struct question *question = arg;
    struct query *query = question->query;

    query->reads--;
    if (query->is_answered) {
        if (query->reads == 0)
            free(query);
    } else if (outcome != BROKER_ANSWERED) {
        finish(query, false);
    } else {
        question->state = *state;
        if (--query->missing == 0)
            finish(query, true);
    }
}

static void read_user(struct question *question)
{
    question->query->reads++;
    presence_read(question->query->queries->settings.broker, question->user, on_state, question);
}

static void on_ready(struct watch_hold *hold)
{
    read_user((struct question *)(void *)((char *)hold - offsetof(struct question, hold)));
}

static struct query *query_new(struct queries *queries, const struct session *session,
                               const struct request *request)
{
    size_t size = sizeof(struct query) + request->user_count * sizeof(struct question);
    size_t texts = size;
    struct query *query;

    for (size_t i = 0; i < request->user_count; i++)
        size += request->users[i].len;
    query = memory_alloc(size);
    query->queries = queries;
    query->session = session_number(session);
    query->is_watch = request->type == REQUEST_WATCH;
    query->has_ref = request->has_ref;
    if (request->has_ref) {
        query->ref_len = request->ref.len;
        memcpy(query->ref, request->ref.at, request->ref.len);
    }
    query->count = query->missing = request->user_count;
    for (size_t i = 0; i < query->count; i++) {
        struct text user = request->users[i];
        char *copy = memcpy((char *)query + texts, user.at, user.len);

        query->questions[i] = (struct question){
            .query = query, .hold = {.ready = on_ready}, .user = {copy, user.len}};
        texts += user.len;
    }
    query->deadline_ms = loop_now_ms(queries->loop) + queries->settings.timeout_ms;
    TAILQ_INSERT_TAIL(&queries->waiting, query, link);
    if (!timer_is_running(queries->deadline))
        timer_start(queries->deadline, queries->settings.timeout_ms);
    return query;
}

static void ask(struct queries *queries, struct session *session, const struct request *request)
{
    struct watches *watches = queries->settings.watches;
    struct query *query = query_new(queries, session, request);

    session_ask(session);
    for (size_t i = 0; i < query->count; i++) {
        struct question *question = &query->questions[i];

        if (query->is_watch)
            watches_add(watches, query->session, question->user);
        if (watches_hold(watches, query->session, question->user, &question->hold))
            read_user(question);
    }
}

/* ---- What is refused at once ---- */

static void refuse(struct session *session, const struct request *request, enum error_code code,
                   struct text message)
{
    answer_error(session, code, message, request->has_ref, request->ref);
}

/* True when the session would watch too many, and is told so. */
static bool is_over_limit(struct queries *queries, struct session *session,
                          const struct request *request)
{
    struct watches *watches = queries->settings.watches;
    uint64_t number = session_number(session);
    size_t count = watches_count(watches, number);
    size_t more = 0;
    struct builder message;

    for (size_t i = 0; i < request->user_count; i++)
        more += !watches_has(watches, number, request->users[i]);
    if (count + more <= QUERIES_WATCHED_MAX)
        return false;
    builder_init(&message, 256);
    builder_printf(&message,
                   "this session watches %zu users and asks for %zu more: at most %d are allowed; "
                   "unwatch some first",
                   count, more, QUERIES_WATCHED_MAX);
    refuse(session, request, ERROR_BAD_REQUEST, builder_text(&message));
    builder_clear(&message);
    return true;
}

void queries_take(struct queries *queries, struct session *session, const struct request *request)
{
    const struct queries_settings *settings = &queries->settings;

    metrics_add_labelled(METRIC_PRESENCE_REQUESTS, request->type - REQUEST_PRESENCE, 1);
    if (session_is_pair(session)) {
        refuse(session, request, ERROR_UNSUPPORTED,
               TEXT("a pair session gets messages only: ask from a native session"));
    } else if (!settings->presence) {
        refuse(session, request, ERROR_UNSUPPORTED,
               TEXT("presence is switched off on this gateway (--presence off)"));
    } else if (request->type == REQUEST_UNWATCH) {
        for (size_t i = 0; i < request->user_count; i++)
            watches_remove(settings->watches, session_number(session), request->users[i]);
    } else if (session_is_leaving(session)) {
        refuse(session, request, ERROR_UNAVAILABLE,
               TEXT("this gateway stops: connect again and ask there"));
    } else if (!broker_is_up(settings->broker)) {
        refuse(session, request, ERROR_UNAVAILABLE,
               TEXT("Redis is not available: ask again later"));
    } else if (request->type == REQUEST_PRESENCE || !is_over_limit(queries, session, request)) {
        ask(queries, session, request);
    }
}

void queries_down(struct queries *queries)
{
    struct query *next;

    for (struct query *query = TAILQ_FIRST(&queries->waiting); query != NULL; query = next) {
        next = TAILQ_NEXT(query, link);
        finish(query, false);
    }
}
