/* base/metrics.h: counters, gauges and histograms, and their Prometheus text.
 *
 * Names follow https://prometheus.io/docs/practices/naming/: a unit at the end, _total for
 * counters. Labels come from closed lists, never from a user: the table below is all there is. The
 * table and its values are the process' own, as one of its two file-scope states. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct builder;

/* X(symbol, kind, name, label, help): label is NULL or the label's name, whose values are given
 * with metrics_label_values(). */
#define METRICS(X)                                                                                 \
    X(SESSIONS, GAUGE, "parley_sessions", "kind", "Open WebSocket sessions")                       \
    X(SESSIONS_OPENED, COUNTER, "parley_sessions_opened_total", "kind", "Sessions opened")         \
    X(SESSIONS_CLOSED, COUNTER, "parley_sessions_closed_total", "reason", "Sessions closed")       \
    X(DRAINING, GAUGE, "parley_draining", NULL, "1 from SIGTERM on, while sessions are closed")    \
    X(USERS, GAUGE, "parley_users", NULL, "Users with a session on this gateway")                  \
    X(UPGRADES_REFUSED, COUNTER, "parley_upgrades_refused_total", "status",                        \
      "WebSocket upgrades refused, by HTTP status")                                                \
    X(HTTP_ANSWERS, COUNTER, "parley_http_answers_total", "status", "HTTP answers")                \
    X(FRAMES_RECEIVED, COUNTER, "parley_frames_received_total", NULL, "Data frames from clients")  \
    X(RECEIVED_BYTES, COUNTER, "parley_received_bytes_total", NULL,                                \
      "Payload bytes of frames from clients")                                                      \
    X(MESSAGES_RECEIVED, COUNTER, "parley_messages_received_total", NULL,                          \
      "Messages from clients: accepted + repeated + refused + unknown")                            \
    X(MESSAGES_ACCEPTED, COUNTER, "parley_messages_accepted_total", "receiver",                    \
      "Messages stored and published, by whether some gateway had the receiver")                   \
    X(MESSAGES_REPEATED, COUNTER, "parley_messages_repeated_total", NULL,                          \
      "Messages that had been accepted before, under the same ref")                                \
    X(COPIES, COUNTER, "parley_copies_total", "result",                                            \
      "Copies of accepted messages for their senders, by what became of them")                     \
    X(MESSAGES_UNKNOWN, COUNTER, "parley_messages_unknown_total", NULL,                            \
      "Messages handed to Redis and not answered")                                                 \
    X(MESSAGES_REFUSED, COUNTER, "parley_messages_refused_total", "code",                          \
      "Messages refused, by error code")                                                           \
    X(ERRORS, COUNTER, "parley_errors_total", "code", "Errors told to clients, by code")           \
    X(SIGNALS, COUNTER, "parley_signals_total", "type", "Signals from clients, by type")           \
    X(PRESENCE_REQUESTS, COUNTER, "parley_presence_requests_total", "type",                        \
      "Questions from clients about who is online, by type")                                       \
    X(WATCHED_USERS, GAUGE, "parley_watched_users", NULL,                                          \
      "Users that sessions of this gateway watch")                                                 \
    X(PRESENCE_EVENTS, COUNTER, "parley_presence_events_total", "result",                          \
      "Events about watched users, by what became of them")                                        \
    X(PRESENCE_DIFFERENCES, COUNTER, "parley_presence_differences_total", NULL,                    \
      "Frames about what had changed during an outage")                                            \
    X(READ_MARKS, COUNTER, "parley_read_marks_total", "result",                                    \
      "Marks up to where a user has read, by what became of them")                                 \
    X(HISTORY_REQUESTS, COUNTER, "parley_history_requests_total", "result",                        \
      "Questions from clients for history, by what came of them")                                  \
    X(HISTORY_ENTRIES, COUNTER, "parley_history_entries_total", "result",                          \
      "Entries of mailboxes that were read for history, by what became of them")                   \
    X(ENTRIES_PASSED_OVER, COUNTER, "parley_mailbox_entries_passed_over_total", NULL,              \
      "Entries of mailboxes that no client could read, as no gateway wrote them")                  \
    X(PUBLISHED, COUNTER, "parley_published_total", "result",                                      \
      "What arrived on the channels of users, by what became of it")                               \
    X(OFFERED, COUNTER, "parley_offered_total", "by",                                              \
      "Messages offered to a session: deliveries + output messages")                               \
    X(DELIVERIES, COUNTER, "parley_deliveries_total", "result",                                    \
      "What became of messages offered to a session")                                              \
    X(OUTPUT_MESSAGES, GAUGE, "parley_output_messages", NULL, "Messages queued for sessions")      \
    X(SIGNALS_DROPPED, COUNTER, "parley_signals_dropped_total", NULL,                              \
      "Signals that Redis did not take, or for a session without room or welcome")                 \
    X(SESSIONS_SLOW, COUNTER, "parley_sessions_slow_total", NULL,                                  \
      "Times that a session had no room for a message")                                            \
    X(GAPS, COUNTER, "parley_gaps_total", NULL,                                                    \
      "Times that a session missed messages that are not stored any more")                         \
    X(SENT_BYTES, COUNTER, "parley_sent_bytes_total", NULL, "Payload bytes of frames to clients")  \
    X(DELIVERY_SECONDS, HISTOGRAM, "parley_delivery_seconds", NULL,                                \
      "From accepting a message (Redis' clock) to writing it to a session (this host's clock)")    \
    X(REDIS_UP, GAUGE, "parley_redis_up", NULL,                                                    \
      "1 while connected to Redis and subscribed, and beats come back")                            \
    X(REDIS_PENDING, GAUGE, "parley_redis_pending", NULL, "Commands that Redis has not answered")  \
    X(READING_PAUSED, GAUGE, "parley_reading_paused", NULL,                                        \
      "Sessions that are not read from, because Redis is behind")                                  \
    X(READING_PAUSES, COUNTER, "parley_reading_pauses_total", NULL,                                \
      "Times that a session was not read from, because Redis was behind")                          \
    X(REDIS_RECONNECTS, COUNTER, "parley_redis_connections_total", "connection",                   \
      "Connections made to Redis")                                                                 \
    X(REDIS_ERRORS, COUNTER, "parley_redis_errors_total", NULL, "Error replies from Redis")        \
    X(REDIS_SECONDS, HISTOGRAM, "parley_redis_seconds", NULL,                                      \
      "From handing a command to the connection to its reply")                                     \
    X(REDIS_BEAT_SECONDS, HISTOGRAM, "parley_redis_beat_seconds", NULL,                            \
      "From publishing a beat to hearing it on the other connection")                              \
    X(REDIS_BEATS_MISSED, COUNTER, "parley_redis_beats_missed_total", "reason",                    \
      "Beats that did not come back, or lease renewals that were refused")                         \
    X(LEASES_CLAIMED, COUNTER, "parley_leases_claimed_total", NULL,                                \
      "Incarnations of this process: above 1, its lease was gone")                                 \
    X(REGISTERED_SESSIONS, GAUGE, "parley_registered_sessions", NULL,                              \
      "Sessions in the presence registry; one with two users counts twice")                        \
    X(REGISTRATIONS, COUNTER, "parley_registrations_total", "result",                              \
      "Sessions registered in Redis, or not, by what came of it")                                  \
    X(CURSORS, COUNTER, "parley_cursors_total", "result",                                          \
      "Cursors of devices handed to Redis, by what came of it")                                    \
    X(CURSORS_PENDING, GAUGE, "parley_cursors_pending", NULL,                                      \
      "Cursors of devices that are not written yet")                                               \
    X(INCARNATIONS_CLEANED, COUNTER, "parley_incarnations_cleaned_total", NULL,                    \
      "Dead or former gateways that this one cleaned up after")                                    \
    X(USERS_CLEANED, COUNTER, "parley_users_cleaned_total", NULL, "Users of those")                \
    X(SUBSCRIPTIONS, GAUGE, "parley_subscriptions", "channel",                                     \
      "Channels subscribed in Redis: of users that are here, and of whom they watch")              \
    X(OUTPUT_BYTES, GAUGE, "parley_output_bytes", NULL, "Bytes queued for sessions")

#define METRICS_ENUM(symbol, kind, name, label, help) METRIC_##symbol,
enum metric { METRICS(METRICS_ENUM) METRIC_COUNT };
#undef METRICS_ENUM

#define METRICS_MAX_VALUES 24 /* values of one label */

/* The values of a metric's label, in the order of the enum that indexes them. `values` lives as
 * long as the process. Call once per metric that has a label, before any value is changed. */
void metrics_label_values(enum metric metric, const char *const *values, size_t count);

void metrics_add(enum metric metric, int64_t amount); /* a metric without a label */
void metrics_add_labelled(enum metric metric, size_t value, int64_t amount);
void metrics_set(enum metric metric, int64_t value);               /* a gauge without a label */
void metrics_observe_us(enum metric metric, int64_t microseconds); /* a histogram; < 0 is 0 */

/* Everything in Prometheus' text format 0.0.4, with process_* basics (resident memory, CPU seconds,
 * open descriptors, start time) and parley_build_info. */
void metrics_write(struct builder *out);
