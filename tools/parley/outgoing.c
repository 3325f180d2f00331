#include "outgoing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/util.h>

#include "base/buffer.h"
#include "message/scan.h"

void refs_draw(struct refs *refs)
{
    unsigned char random[REFS_NAME_BYTES];

    evutil_secure_rng_get_bytes(random, sizeof(random));
    for (size_t i = 0; i < REFS_NAME_BYTES; i++)
        snprintf(refs->name + 2 * i, 3, "%02x", random[i]);
    refs->count = 0;
}

bool refs_have(const struct refs *refs, struct text ref)
{
    return text_equal(text_split(&ref, '-'), text_of(refs->name)) && ref.len > 0;
}

static bool is_json(struct text content)
{
    struct scanner scanner;
    struct scan_value value;

    scan_begin(&scanner, content, SCAN_DEPTH_LIMIT);
    return scan_value(&scanner, &value) && scan_end(&scanner);
}

bool outgoing_make(struct outgoing *outgoing, struct refs *refs, struct text receiver,
                   struct text content, bool as_json)
{
    struct builder frame;

    if (!text_is_utf8(content))
        return false;
    snprintf(outgoing->ref, sizeof(outgoing->ref), "%s-%" PRIu64, refs->name, ++refs->count);
    builder_init(&frame, SIZE_MAX);
    builder_append_string(&frame, "{\"receiverID\":");
    builder_append_json(&frame, receiver);
    builder_append_string(&frame, ",\"content\":");
    if (as_json && is_json(content))
        builder_append(&frame, content);
    else
        builder_append_json(&frame, content);
    builder_printf(&frame, ",\"ref\":\"%s\"}", outgoing->ref);
    outgoing->content = (struct text){memory_copy(content.at, content.len), content.len};
    outgoing->frame = (struct text){memory_copy(frame.data, frame.len), frame.len};
    builder_clear(&frame);
    return true;
}

void outgoing_clear(struct outgoing *outgoing)
{
    free((void *)(uintptr_t)outgoing->content.at);
    free((void *)(uintptr_t)outgoing->frame.at);
}
