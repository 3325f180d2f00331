/* Any bytes as what arrived on a user's channel. What is taken for ours has our head and our end;
 * somebody else's passes only when it is JSON. */
#include <assert.h>

#include "fuzz.h"
#include "message/published.h"
#include "message/scan.h"

static bool is_json(struct text text)
{
    struct scanner scanner;
    struct scan_value value;

    scan_begin(&scanner, text, SCAN_DEPTH_LIMIT);
    return scan_value(&scanner, &value) && value.kind == SCAN_OBJECT && scan_end(&scanner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text bytes = {(const char *)data, size};
    struct published published = parse_published(bytes);
    struct presence_event event;
    bool is_message = false;
    const char *refusal = parse_foreign(bytes, &is_message);

    if (refusal == NULL)
        assert(is_json(bytes));
    if (parse_presence_event(bytes, TEXT("bob"), &event))
        assert(is_json(bytes) && event.since_ms >= 0 && published.kind == PUBLISHED_FOREIGN);
    if (published.kind == PUBLISHED_FOREIGN) {
        assert(published.id.ms == 0 && published.id.seq == 0);
        return 0;
    }
    if (published.is_copy)
        assert(published.kind == PUBLISHED_MESSAGE &&
               published.session.len == PUBLISHED_SESSION_LEN && published.session.at > bytes.at &&
               published.session.at + PUBLISHED_SESSION_LEN < bytes.at + bytes.len);
    assert(text_starts_with(bytes, TEXT("{\"type\":\"")) && bytes.at[bytes.len - 1] == '}');
    /* Both readings of the same bytes agree. */
    if (refusal == NULL)
        assert(is_message == (published.kind == PUBLISHED_MESSAGE));
    return 0;
}
