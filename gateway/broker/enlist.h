/* broker/enlist.h: the set of users that an incarnation has registered, or is about to.
 *
 * `parley:gateway:INCARNATION:users` is for who cleans up after its death (reaper.h). */
#pragma once

#include "broker/connection.h"
#include "broker/keys.h"
#include "broker/lease.h"
#include "broker/scripts.h"

struct enlist {
    const struct keys *keys;
    struct connection *commands;
    struct scripts *scripts;
    const struct lease *lease; /* of whose incarnation it is */
};

/* SADD, by scripts/enlist.lua; and SREM. Nobody is told what came of it: one id too many or too few
 * matters only to cleaners, and what is sent behind it on the same connection runs behind it. */
void enlist_add(const struct enlist *enlist, struct text user);
void enlist_remove(const struct enlist *enlist, struct text user);
