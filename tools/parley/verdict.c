#include "verdict.h"

#include <stdbool.h>
#include <string.h>

#include "words.h"

/* True when no session before the one at `index` is of the same incarnation and as live. */
static bool is_first(const struct verdict_facts *facts, size_t index)
{
    const struct user_session *session = &facts->sessions[index];

    for (size_t i = 0; i < index; i++) {
        const struct user_session *other = &facts->sessions[i];

        if (user_session_is_live(other) == user_session_is_live(session) &&
            text_equal(other->incarnation, session->incarnation))
            return false;
    }
    return true;
}

/* The live sessions, and the gateways that have them. */
static size_t count_live(const struct verdict_facts *facts, size_t *gateways)
{
    size_t sessions = 0;

    *gateways = 0;
    for (size_t i = 0; i < facts->session_count; i++) {
        if (!user_session_is_live(&facts->sessions[i]))
            continue;
        sessions++;
        *gateways += is_first(facts, i);
    }
    return sessions;
}

static void append_live_gateways(const struct verdict_facts *facts, struct builder *out)
{
    const char *separator = "";

    for (size_t i = 0; i < facts->session_count; i++) {
        if (!user_session_is_live(&facts->sessions[i]) || !is_first(facts, i))
            continue;
        builder_append_string(out, separator);
        builder_append_key_part(out, facts->sessions[i].incarnation);
        separator = ", ";
    }
}

/* `gateway g1-0a is not delivering; see its /readyz`, for each that has a session */
static void append_suspects(const struct verdict_facts *facts, size_t gateways, struct builder *out)
{
    builder_append_string(out, gateways == 1 ? "gateway " : "gateways ");
    append_live_gateways(facts, out);
    builder_append_string(out, gateways == 1 ? " is not delivering; see its /readyz"
                                             : " are not delivering; see their /readyz");
}

static void append_registered(const struct verdict_facts *facts, size_t sessions, size_t gateways,
                              struct builder *out)
{
    int64_t surplus = facts->subscribers - (int64_t)gateways;

    if (facts->subscribers == 0) {
        builder_append_string(out, " does not receive: registered, but nobody subscribes to ");
        builder_append(out, facts->channel);
        builder_append_string(out, ": ");
        append_suspects(facts, gateways, out);
        return;
    }
    builder_append_string(out, surplus < 0 ? " receives in part: " : " receives: ");
    words_append_count(out, (int64_t)sessions, "session");
    builder_append_string(out, " on ");
    words_append_count(out, (int64_t)gateways, "live gateway");
    builder_append_string(out, ", ");
    words_append_count(out, facts->subscribers, "subscriber");
    if (surplus > 0) {
        builder_append_string(out, "; more than gateways: somebody else watches ");
        builder_append(out, facts->channel);
    } else if (surplus < 0) {
        builder_append_string(out, "; fewer than gateways: not all of ");
        append_live_gateways(facts, out);
        builder_append_string(out, " deliver; see their /readyz");
    }
}

/* A session that counts for nothing, but says why; NULL when there is none. */
static const struct user_session *find_dead(const struct verdict_facts *facts)
{
    for (size_t i = 0; i < facts->session_count; i++)
        if (!facts->sessions[i].is_strange)
            return &facts->sessions[i];
    return NULL;
}

static void append_dead(const struct verdict_facts *facts, const struct user_session *session,
                        struct builder *out)
{
    builder_append_string(out, " does not receive: registered on ");
    builder_append_key_part(out, session->incarnation);
    switch (session->lease) {
    case CENSUS_EXPIRED:
        builder_append_string(out, ", whose lease expired ");
        words_append_age(out, -session->left_ms);
        builder_append_string(out, " ago: ");
        builder_append_string(out, facts->live_gateways > 0
                                       ? "it is being cleaned up"
                                       : "no live gateway is there to clean it up");
        break;
    case CENSUS_CLEANING:
        builder_append_string(out, ", which is dead: it is being cleaned up");
        break;
    case CENSUS_NO_LEASE:
    case CENSUS_LIVE:
    default:
        builder_append_string(out, ", which has no lease: left over, until a gateway looks here");
        break;
    }
    if (facts->subscribers > 0) {
        builder_append_string(out, "; ");
        words_append_count(out, facts->subscribers, "subscriber");
        builder_append_string(out, " all the same");
    }
}

static void append_unregistered(const struct verdict_facts *facts, struct builder *out)
{
    builder_append_string(out, " does not receive: no session is registered");
    if (facts->live_gateways == 0)
        builder_append_string(out, ", and no gateway is live");
    if (facts->subscribers > 0) {
        builder_append_string(out, ", but ");
        builder_append(out, facts->channel);
        builder_append_string(out, " has ");
        words_append_count(out, facts->subscribers, "subscriber");
        builder_append_string(out, ": somebody watches it, or a session is just coming");
    }
    if (facts->mailbox > 0) {
        builder_append_string(out, "; ");
        words_append_count(out, facts->mailbox, "message");
        builder_append_string(out, facts->mailbox == 1 ? " waits" : " wait");
        builder_append_string(out, " in the mailbox");
    } else {
        builder_append_string(out, "; the mailbox is empty");
    }
}

void verdict_append(const struct verdict_facts *facts, struct builder *out)
{
    size_t gateways;
    size_t sessions = count_live(facts, &gateways);
    const struct user_session *dead = find_dead(facts);

    builder_append_key_part(out, facts->user);
    if (facts->schema && !keys_is_schema(facts->schema))
        builder_append_string(out, " does not receive from gateways of this version: the schema is "
                                   "neither \"" SCHEMA_DURABLE "\" nor \"" SCHEMA_LIVE "\"");
    else if (sessions > 0)
        append_registered(facts, sessions, gateways, out);
    else if (dead)
        append_dead(facts, dead, out);
    else if (!facts->schema)
        builder_append_string(out, " does not receive: no gateway was ever ready on this Redis "
                                   "with this prefix");
    else
        append_unregistered(facts, out);
}
