#include "common/frame.h"

#include <string.h>

/* The first two bytes of a frame (5.2). */
#define FINAL_BIT 0x80
#define RESERVED_BITS 0x70
#define OPCODE_BITS 0x0F
#define MASK_BIT 0x80
#define LENGTH_BITS 0x7F
#define LENGTH_16 126
#define LENGTH_64 127

#define CONTROL_BIT 0x08 /* of an opcode (5.5) */

/* Close codes (7.4.1). */
#define CODE_PROTOCOL 1002
#define CODE_NONE 1005
#define CODE_BAD_DATA 1007
#define CODE_TOO_BIG 1009

static size_t write_number(uint8_t *out, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
    return bytes;
}

static uint64_t read_number(const char *in, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | (uint8_t)in[i];
    return number;
}

/* Eight bytes at a time: the load generator spends a visible share of its time here. */
static void copy_masked(uint8_t *out, struct text in, const uint8_t mask[FRAME_MASK_SIZE])
{
    uint64_t wide_mask;
    size_t i = 0;

    memcpy(&wide_mask, mask, FRAME_MASK_SIZE);
    memcpy((char *)&wide_mask + FRAME_MASK_SIZE, mask, FRAME_MASK_SIZE);
    for (; in.len - i >= sizeof(wide_mask); i += sizeof(wide_mask)) {
        uint64_t eight;

        memcpy(&eight, in.at + i, sizeof(eight));
        eight ^= wide_mask;
        memcpy(out + i, &eight, sizeof(eight));
    }
    for (; i < in.len; i++)
        out[i] = (uint8_t)in.at[i] ^ mask[i % FRAME_MASK_SIZE];
}

size_t frame_encode(void *out, enum frame_opcode opcode, struct text payload,
                    const uint8_t mask[FRAME_MASK_SIZE])
{
    uint8_t *bytes = out;
    size_t len = 2;

    bytes[0] = (uint8_t)(FINAL_BIT | opcode);
    if (payload.len < LENGTH_16) {
        bytes[1] = (uint8_t)(MASK_BIT | payload.len);
    } else if (payload.len <= UINT16_MAX) {
        bytes[1] = MASK_BIT | LENGTH_16;
        len += write_number(bytes + len, payload.len, 2);
    } else {
        bytes[1] = MASK_BIT | LENGTH_64;
        len += write_number(bytes + len, payload.len, 8);
    }
    memcpy(bytes + len, mask, FRAME_MASK_SIZE);
    len += FRAME_MASK_SIZE;
    copy_masked(bytes + len, payload, mask);
    return len + payload.len;
}

size_t frame_write_close(char out[FRAME_CONTROL_MAX], uint16_t code, struct text reason)
{
    size_t len = write_number((uint8_t *)out, code, 2);
    size_t room = FRAME_CONTROL_MAX - len;

    if (reason.len > room) {
        /* Not through the middle of a character: a continuation byte is 10xxxxxx. */
        while (room > 0 && (reason.at[room] & 0xC0) == 0x80)
            room--;
        reason.len = room;
    }
    if (reason.len > 0)
        memcpy(out + len, reason.at, reason.len);
    return len + reason.len;
}

void frame_reader_init(struct frame_reader *reader, size_t max_message)
{
    reader->max_message = max_message;
    reader->in_fragments = FRAME_CONTINUATION;
    builder_init(&reader->fragments, max_message);
}

void frame_reader_clear(struct frame_reader *reader)
{
    builder_clear(&reader->fragments);
}

static enum frame_result broken(struct frame *frame, uint16_t code, const char *reason)
{
    frame->close_code = code;
    frame->reason = reason;
    return FRAME_BROKEN;
}

static enum frame_result incomplete(struct frame *frame, size_t needed)
{
    frame->size = needed;
    return FRAME_INCOMPLETE;
}

/* What the two first bytes allow; NULL when they are right. */
static const char *check_start(const struct frame_reader *reader, uint8_t first, uint8_t second)
{
    unsigned opcode = first & OPCODE_BITS;

    if (first & RESERVED_BITS)
        return "reserved bits without an extension";
    if (second & MASK_BIT)
        return "a masked frame from the server";
    if (opcode & CONTROL_BIT) {
        if (opcode > FRAME_PONG)
            return "an unknown opcode";
        if (!(first & FINAL_BIT))
            return "a control frame in fragments";
        if ((second & LENGTH_BITS) > FRAME_CONTROL_MAX)
            return "a control frame above 125 bytes";
        return NULL;
    }
    if (opcode > FRAME_BINARY)
        return "an unknown opcode";
    if (opcode == FRAME_CONTINUATION && reader->in_fragments == FRAME_CONTINUATION)
        return "a continuation of nothing";
    if (opcode != FRAME_CONTINUATION && reader->in_fragments != FRAME_CONTINUATION)
        return "a new message inside a fragmented one";
    return NULL;
}

static enum frame_result read_close(struct text payload, struct frame *frame)
{
    uint16_t code;

    frame->close_code = CODE_NONE;
    frame->payload = (struct text){NULL, 0};
    if (payload.len == 0)
        return FRAME_COMPLETE;
    if (payload.len == 1)
        return broken(frame, CODE_PROTOCOL, "half a close code");
    code = (uint16_t)read_number(payload.at, 2);
    /* 1004 to 1006 and 1015 never go over the wire; 1016 to 2999 are nobody's (7.4). */
    if (code < 1000 || (code >= 1004 && code <= 1006) || (code > 1014 && code < 3000) ||
        code > 4999)
        return broken(frame, CODE_PROTOCOL, "an invalid close code");
    frame->payload = (struct text){payload.at + 2, payload.len - 2};
    if (!text_is_utf8(frame->payload))
        return broken(frame, CODE_BAD_DATA, "a close reason that is not UTF-8");
    frame->close_code = code;
    return FRAME_COMPLETE;
}

/* A data frame that is there as a whole; its size was checked. */
static enum frame_result read_data(struct frame_reader *reader, bool final, struct frame *frame)
{
    if (!final || frame->opcode == FRAME_CONTINUATION) {
        if (frame->opcode != FRAME_CONTINUATION) {
            builder_reset(&reader->fragments);
            reader->in_fragments = frame->opcode;
        }
        builder_append(&reader->fragments, frame->payload);
        if (!final)
            return FRAME_FRAGMENT;
        frame->opcode = reader->in_fragments;
        frame->payload = builder_text(&reader->fragments);
        reader->in_fragments = FRAME_CONTINUATION;
    }
    if (frame->opcode == FRAME_TEXT && !text_is_utf8(frame->payload))
        return broken(frame, CODE_BAD_DATA, "a text message that is not UTF-8");
    return FRAME_COMPLETE;
}

enum frame_result frame_read(struct frame_reader *reader, struct text bytes, struct frame *frame)
{
    const char *wrong;
    uint64_t len;
    size_t head = 2;
    size_t used;

    *frame = (struct frame){0};
    if (bytes.len < head)
        return incomplete(frame, head);
    wrong = check_start(reader, (uint8_t)bytes.at[0], (uint8_t)bytes.at[1]);
    if (wrong)
        return broken(frame, CODE_PROTOCOL, wrong);

    len = (uint8_t)bytes.at[1] & LENGTH_BITS;
    if (len >= LENGTH_16) {
        size_t width = len == LENGTH_16 ? 2 : 8;
        uint64_t shortest = len == LENGTH_16 ? LENGTH_16 : (uint64_t)UINT16_MAX + 1;

        head += width;
        if (bytes.len < head)
            return incomplete(frame, head);
        len = read_number(bytes.at + 2, width);
        if (len < shortest || len > INT64_MAX)
            return broken(frame, CODE_PROTOCOL, "a length that is not in its shortest form");
    }
    frame->opcode = (enum frame_opcode)(bytes.at[0] & OPCODE_BITS);
    used = frame->opcode == FRAME_CONTINUATION ? reader->fragments.len : 0;
    if (!(frame->opcode & CONTROL_BIT) && len > reader->max_message - used)
        return broken(frame, CODE_TOO_BIG, "a message above the limit");
    if (len > bytes.len - head)
        return incomplete(frame, head + (size_t)len);

    frame->size = head + (size_t)len;
    frame->payload = (struct text){bytes.at + head, (size_t)len};
    if (frame->opcode == FRAME_CLOSE)
        return read_close(frame->payload, frame);
    if (frame->opcode & CONTROL_BIT)
        return FRAME_COMPLETE;
    return read_data(reader, bytes.at[0] & FINAL_BIT, frame);
}
