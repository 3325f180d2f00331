/* session/registry.h: the sessions of this process: by number, and by user.
 *
 * Owns them. Says when a user's first session comes and when the last one goes: that is when the
 * user's channel is to be subscribed and unsubscribed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "session/session.h"

struct registry;

struct registry_events {
    void (*left)(void *arg, struct session *session); /* it is about to leave its users' lists */
    void (*first)(void *arg, struct text user);       /* this user has a session now */
    void (*last)(void *arg, struct text user);        /* and now none */
    void (*empty)(void *arg);                         /* the last session of all is gone */
    void *arg;
};

/* `output_limit` is each session's, in bytes. The keepalive is borrowed. */
struct registry *registry_new(struct loop *loop, struct keepalive *keepalive, size_t output_limit,
                              const struct registry_events *events);
/* With all sessions; those that are gone already are freed by the loop. NULL is allowed. */
void registry_free(struct registry *registry);

/* A new session, OPENING, counted among its users' sessions. The identity is copied; connection
 * and transport are borrowed until session_gone(). Never NULL. */
struct session *registry_open(struct registry *registry, const struct session_identity *identity,
                              const struct session_transport *transport, void *connection);

struct session *registry_find(const struct registry *registry, uint64_t number); /* or NULL */
size_t registry_size(const struct registry *registry); /* sessions, closing ones included */

/* Visits the sessions of a user, in the order in which they were opened; those that are CLOSING
 * are not among them. The visitor may close the session that it is given. */
typedef void registry_visit_cb(void *arg, struct session *session);
void registry_each_of_user(struct registry *registry, struct text user, registry_visit_cb *visit,
                           void *arg);
/* Visits all sessions, closing ones included. The visitor may close sessions. */
void registry_each(struct registry *registry, registry_visit_cb *visit, void *arg);

/* Reads again from every session that was paused with session_pause(). */
void registry_resume(struct registry *registry);

/* For session.c: the two ends of a session's time here, and its pauses. Detaching twice is
 * allowed. */
void registry_detach(struct registry *registry, struct session *session);
void registry_remove(struct registry *registry, struct session *session);
void registry_pause(struct registry *registry, struct session *session);
