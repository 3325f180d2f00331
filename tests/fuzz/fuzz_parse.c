/* Any bytes as a frame, of a pair session and of another. What the scanner refuses is never a good
 * request; what a good request says is well formed and its content the frame's own bytes. */
#include <assert.h>

#include "fuzz.h"
#include "message/parse.h"
#include "message/scan.h"

#define MAX_MESSAGE 512
#define MAX_DEPTH 6

static enum scan_error scan(struct text text)
{
    struct scanner scanner;
    struct scan_value value;

    scan_begin(&scanner, text, SCAN_DEPTH_LIMIT);
    if (scan_value(&scanner, &value))
        scan_end(&scanner);
    return scanner.error;
}

static void check_text(struct text text, size_t max)
{
    assert(text.len >= 1 && text.len <= max);
    assert(text_is_utf8(text) && !text_has_control(text));
}

static void check_users(const struct request *request)
{
    assert(request->user_count >= 1 && request->user_count <= PARSE_USERS_MAX);
    for (size_t i = 0; i < request->user_count; i++) {
        check_text(request->users[i], PARSE_USER_MAX);
        for (size_t j = 0; j < i; j++)
            assert(!text_equal(request->users[i], request->users[j]));
    }
}

static void check_history(const struct request *request)
{
    struct message_id id;

    check_text(request->with, PARSE_USER_MAX);
    assert(request->before.len == 0 || message_id_parse(request->before, &id));
    assert(request->limit >= 1 && request->limit <= PARSE_HISTORY_MAX);
}

static void check_good(const struct request *request, struct text frame)
{
    struct message_id id;

    assert(request->type < REQUEST_TYPE_COUNT);
    if (request->has_ref)
        check_text(request->ref, PARSE_REF_MAX);
    if (request->type == REQUEST_PRESENCE || request->type == REQUEST_WATCH ||
        request->type == REQUEST_UNWATCH)
        check_users(request);
    if (request->type == REQUEST_HISTORY)
        check_history(request);
    if (request->type > REQUEST_READ)
        return;
    check_text(request->receiver, PARSE_USER_MAX);
    if (request->sender.len > 0)
        check_text(request->sender, PARSE_USER_MAX);
    if (request->type == REQUEST_MESSAGE) {
        assert(request->content.at >= frame.at && request->content.len < MAX_MESSAGE);
        assert(request->content.at + request->content.len <= frame.at + frame.len);
        assert(scan(request->content) == SCAN_OK);
    } else if (request->type != REQUEST_TYPING || request->id.len > 0) {
        assert(message_id_parse(request->id, &id));
    }
}

static void check_failed(const struct request *request)
{
    assert(request->error < ERROR_CODE_COUNT);
    check_text(request->message, 255);
    if (request->has_ref)
        check_text(request->ref, PARSE_REF_MAX);
}

static void check_frame(struct parser *parser, struct text frame, bool pair_session)
{
    enum scan_error error = scan(frame);
    size_t count = parser_read(parser, frame, pair_session);

    assert(count <= (pair_session ? 1 : PARSE_BATCH_MAX));
    assert(count > 0 || pair_session);
    if (error != SCAN_OK) {
        assert(count == 1 && parser_request(parser, 0)->failed);
        assert(parser_request(parser, 0)->error ==
               (error == SCAN_TOO_DEEP ? ERROR_TOO_DEEP : ERROR_BAD_JSON));
    }
    for (size_t i = 0; i < count; i++) {
        const struct request *request = parser_request(parser, i);

        assert(error != SCAN_OK || !request->failed || request->error != ERROR_BAD_JSON);
        if (request->failed)
            check_failed(request);
        else
            check_good(request, frame);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parser *parser = parser_new(MAX_MESSAGE, MAX_DEPTH);
    struct text frame = {(const char *)data, size};

    check_frame(parser, frame, false);
    check_frame(parser, frame, true);
    parser_free(parser);
    return 0;
}
