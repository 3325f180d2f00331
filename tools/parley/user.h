/* parley/user.h: what Redis knows of one user. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "census.h"

struct user_session {
    struct text field; /* owned: INCARNATION/NUMBER, into which the next two point */
    struct text incarnation;
    struct text number;
    struct text value; /* owned: SINCE DEVICE, of which the device is the end */
    struct text device;
    int64_t since_ms;
    bool is_strange; /* it is not of this form: only field and value are set */
    enum census_lease lease;
    int64_t left_ms; /* of the lease or the claim; below 0: expired that long ago */
};

struct user_sessions {
    struct user_session *items; /* the oldest first */
    size_t count;
    bool is_cut; /* there are more than CENSUS_LIST_MAX */
};

/* A session from its field and its value in Redis, both copied; lease and left_ms are not set. */
struct user_session user_session_parse(struct text field, struct text value);
void user_session_clear(struct user_session *session);
/* Of a gateway whose lease is good: what makes the user online. */
bool user_session_is_live(const struct user_session *session);
/* Why it does not count, `the lease expired 4 s ago` say; for a session that is not live. */
void user_session_append_why(const struct user_session *session, struct builder *out);

struct user_sessions user_read_sessions(const struct census *census, struct text user);
void user_sessions_clear(struct user_sessions *sessions);

/* When the last session ended, Unix ms; -1: not known. */
int64_t user_read_seen(const struct census *census, struct text user);
