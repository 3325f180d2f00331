/* common/frame.h: RFC 6455 framing as a client does it: masked frames out, the server's frames in.
 *
 * Pure: no sockets, no clock, no randomness. Section numbers are those of RFC 6455. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

enum frame_opcode {
    FRAME_CONTINUATION = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10
};

#define FRAME_HEAD_MAX 14     /* bytes in front of a payload: 2, a 64-bit length, the mask */
#define FRAME_CONTROL_MAX 125 /* bytes of payload in a ping, pong or close frame (5.5) */
#define FRAME_MASK_SIZE 4

/* Writes one final, masked frame to `out`, which has room for FRAME_HEAD_MAX + payload.len bytes;
 * returns how many it used. `mask` must be unpredictable to whoever chose the payload (5.3). */
size_t frame_encode(void *out, enum frame_opcode opcode, struct text payload,
                    const uint8_t mask[FRAME_MASK_SIZE]);

/* The payload of a close frame (5.5.1) to `out`; returns its length. A reason that is too long is
 * cut. */
size_t frame_write_close(char out[FRAME_CONTROL_MAX], uint16_t code, struct text reason);

/* Puts a server's frames together to messages; holds the pieces of a message that came in several
 * frames, and nothing else. */
struct frame_reader {
    size_t max_message;             /* bytes of one message, all its fragments together */
    enum frame_opcode in_fragments; /* of the message begun; FRAME_CONTINUATION: none is */
    struct builder fragments;
};

void frame_reader_init(struct frame_reader *reader, size_t max_message);
void frame_reader_clear(struct frame_reader *reader);

enum frame_result {
    FRAME_INCOMPLETE, /* call again with at least `size` bytes, from the same start */
    FRAME_FRAGMENT,   /* a piece of a message, kept: go on behind `size` bytes */
    FRAME_COMPLETE,   /* a whole message, or a control frame: go on behind `size` bytes */
    FRAME_BROKEN      /* fail the connection with `close_code`, because of `reason` (7.1.7) */
};

struct frame {
    size_t size;
    enum frame_opcode opcode; /* FRAME_CONTINUATION never: a message has its first frame's */
    struct text payload;      /* of a close frame: the reason alone */
    uint16_t close_code;      /* of a close frame: 1005 when it had none (7.4.1) */
    const char *reason;
};

/* Reads the frame that starts at `bytes`. An incomplete one changes nothing, so the caller keeps
 * the bytes, and needs no more memory than the largest frame, as a longer one is broken by its head
 * alone. The payload points into `bytes` or into the reader, and lives until either changes. Text
 * messages and close reasons are valid UTF-8. */
enum frame_result frame_read(struct frame_reader *reader, struct text bytes, struct frame *frame);
