/* Any bytes to the scanner. What it accepts in one go it accepts step by step, and again; what it
 * finds lies inside; decoding never grows. */
#include <assert.h>
#include <stdlib.h>

#include "fuzz.h"
#include "message/scan.h"

static bool accepts(struct text text, size_t max_depth, struct scan_value *value)
{
    struct scanner scanner;

    scan_begin(&scanner, text, max_depth);
    bool accepted = scan_value(&scanner, value) && scan_end(&scanner);
    assert(accepted == (scanner.error == SCAN_OK));
    assert(accepted == (scanner.expected == NULL));
    assert(scanner.at <= text.len);
    assert(scanner.deepest <= max_depth);
    return accepted;
}

static void check_value(struct text whole, const struct scan_value *value)
{
    struct scan_value again;

    assert(value->text.len > 0);
    assert(value->text.at >= whole.at);
    assert(value->text.at + value->text.len <= whole.at + whole.len);
    assert(accepts(value->text, SCAN_DEPTH_LIMIT, &again));
    assert(again.kind == value->kind && again.escaped == value->escaped);
    assert(again.text.at == value->text.at && again.text.len == value->text.len);
    if (value->kind != SCAN_STRING)
        return;
    char *decoded = memory_alloc(value->text.len - 2); /* as long as the string and no longer */
    size_t len = scan_decode(value, decoded);
    if (len == SIZE_MAX) {
        assert(value->escaped);
    } else {
        assert(len <= value->text.len - 2);
        assert(value->escaped || len == value->text.len - 2);
        assert(text_is_utf8((struct text){decoded, len}));
    }
    free(decoded);
}

/* Walks the outermost container member by member. False when the scanner refuses. */
static bool walk(struct text whole)
{
    struct scanner scanner;
    struct scan_value key;
    struct scan_value value;

    scan_begin(&scanner, whole, SCAN_DEPTH_LIMIT);
    if (scan_enter(&scanner, '{')) {
        while (scan_member(&scanner, &key, &value)) {
            assert(key.kind == SCAN_STRING);
            check_value(whole, &key);
            check_value(whole, &value);
        }
    } else if (scan_enter(&scanner, '[')) {
        while (scan_element(&scanner, &value))
            check_value(whole, &value);
    } else if (scan_value(&scanner, &value)) {
        check_value(whole, &value);
    }
    return scan_end(&scanner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size};
    struct scan_value value;
    bool accepted = accepts(text, SCAN_DEPTH_LIMIT, &value);

    if (accepted) {
        assert(text_is_utf8(text));
        check_value(text, &value);
    }
    assert(walk(text) == accepted);
    assert(accepted || !accepts(text, 3, &value)); /* a lower limit lets nothing more through */
    return 0;
}
