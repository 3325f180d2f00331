/* parley/devices.h: the devices of one user, and how far each has come in the mailbox. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "census.h"
#include "common/table.h"
#include "mailbox.h"
#include "message/id.h"
#include "user.h"

#define DEVICES_MAX 100 /* that are read; gateways keep 32 */

enum device_cursor {
    DEVICE_NO_CURSOR, /* it is connected, and has acknowledged nothing */
    DEVICE_STRANGE,   /* what is in Redis is no id */
    DEVICE_BEYOND,    /* above the mailbox' last id: of another history, and worth nothing */
    DEVICE_GOOD
};

struct device {
    struct text name;  /* owned; decoded */
    struct text value; /* owned; the cursor, as in Redis; empty: there is none */
    enum device_cursor kind;
    struct message_id cursor; /* DEVICE_GOOD */
    bool is_stored;           /* the message that the cursor names */
    int64_t behind;           /* messages that are stored and that it does not have; of all kinds */
    bool is_more;             /* at least as many */
    struct message_id oldest; /* of those; 0-0: not known */
    bool is_gap; /* some that it does not have may be no longer stored; told when it connects */
};

struct devices {
    struct device *items; /* by name */
    size_t count;
    bool is_cut; /* there are more than DEVICES_MAX */
};

/* Those with a cursor; and those of sessions that are registered, when something is stored. */
struct devices devices_read(const struct census *census, struct text user,
                            const struct mailbox *mailbox, const struct user_sessions *sessions);
void devices_clear(struct devices *devices);

/* A row for each: `device`, name, cursor, and `2 messages behind, for 3 min` or what is wrong. */
void devices_add_rows(const struct devices *devices, int64_t now_ms, struct table *table);

/* Whether the device has acknowledged the message. */
bool device_has(const struct device *device, struct message_id id);
