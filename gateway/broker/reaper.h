/* broker/reaper.h: cleaning up after incarnations that died.
 *
 *     expired ──claim──► dead:INCARNATION ──all its users──► gone
 *                           │     ▲
 *                           └─────┘ the claim expired, because its cleaner died: the next one
 *
 * Each renewal of the lease brings the names. The users of a dead incarnation stand in its set; of
 * each, all its sessions are removed by one script, which tells the watchers when they were the
 * last. Everything may be done twice: of two cleaners neither does harm.
 *
 * Who was away itself, or whose own renewal was refused, cannot tell the dead from those who were
 * away too and have not come back yet: for one lease time after the own outage nobody is cleaned up
 * after but this gateway's own former incarnations. */
#pragma once

#include <stdbool.h>

#include "base/loop.h"
#include "broker/connection.h"
#include "broker/presence_call.h"

struct reaper;

struct reaper_settings {
    const struct keys *keys; /* these five outlive it */
    struct connection *commands;
    struct scripts *scripts;
    struct presence_calls *calls;
    struct lease *lease;
};

struct reaper *reaper_new(struct loop *loop, const struct reaper_settings *settings);
/* After the connection, which still answers what was pending; NULL is allowed. */
void reaper_free(struct reaper *reaper);

/* The connection was lost, or the lease, or a renewal had another outcome than that it is held:
 * from the next one on the reaper is careful. */
void reaper_begin_anew(struct reaper *reaper);

/* The lease is held: cleans up, if somebody died. `renewed`: this gateway's sessions are all
 * registered under the name that it has now, so that the former ones can go. */
void reaper_look(struct reaper *reaper, bool renewed);

/* This gateway stops: cleans up after its former names, as far as that is possible, and calls
 * `done` once, not before it returns. Nothing new is begun after that. */
void reaper_finish(struct reaper *reaper, loop_cb *done, void *arg);
