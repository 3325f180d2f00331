/* message/element.h: one JSON object of the protocol, and where its known members are.
 *
 * Unknown members are passed over; names are case-sensitive. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "message/scan.h"

/* X(symbol, name): the members that are read. */
#define MEMBERS(X)                                                                                 \
    X(TYPE, "type")                                                                                \
    X(SENDER, "sender")                                                                            \
    X(RECEIVER_ID, "receiverID")                                                                   \
    X(RECEIVER, "receiver")                                                                        \
    X(CONTENT, "content")                                                                          \
    X(REF, "ref")                                                                                  \
    X(ID, "id")                                                                                    \
    X(USERS, "users")                                                                              \
    X(WITH, "with")                                                                                \
    X(BEFORE, "before")                                                                            \
    X(LIMIT, "limit")

#define MEMBERS_ENUM(symbol, name) MEMBER_##symbol,
enum member { MEMBERS(MEMBERS_ENUM) MEMBER_COUNT };
#undef MEMBERS_ENUM

/* All texts point into what the scanner reads. */
struct element {
    enum scan_kind kind; /* when it is no object, nothing but `text` is set below */
    struct text text;
    size_t depth;                            /* 1 for an object without containers in it */
    struct scan_value members[MEMBER_COUNT]; /* the first of its name; text.at is NULL for none */
    const char *doubled;                     /* the name of a member that came twice, or NULL */
};

/* Reads the value in front of which the scanner stands. False on an error of the scanner. */
bool element_read(struct scanner *scanner, struct element *element);

/* The index of a string's value, escapes undone, among `names`; `count` when it is not there. */
size_t element_index_of(const struct scan_value *string, const struct text *names, size_t count);
