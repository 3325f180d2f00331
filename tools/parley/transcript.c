#include "transcript.h"

#include "words.h"

/* The code point of what must not reach a terminal, and how many bytes it has; 0: harmless. `text`
 * is UTF-8, and not empty. */
static unsigned read_harmful(struct text text, size_t *len)
{
    const unsigned char *at = (const unsigned char *)text.at;
    unsigned code = 0;

    *len = 1;
    if (at[0] < 0x20 || at[0] == 0x7F)
        return at[0] == 0 ? 0x10000 : at[0];
    if (text.len >= 2 && at[0] == 0xC2 && at[1] < 0xA0) { /* C1 controls */
        *len = 2;
        return at[1];
    }
    if (text.len >= 3 && at[0] == 0xE2 && (at[1] == 0x80 || at[1] == 0x81)) {
        code = 0x2000 | (unsigned)(at[1] & 0x3F) << 6 | (at[2] & 0x3FU);
        /* separators of lines, embeddings, overrides, isolates */
        if ((code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069)) {
            *len = 3;
            return code;
        }
    }
    return 0;
}

void transcript_append_visible(struct text text, struct builder *out)
{
    while (text.len > 0) {
        size_t len;
        unsigned code = read_harmful(text, &len);

        if (code == '\n')
            builder_append_string(out, "\\n");
        else if (code == '\r')
            builder_append_string(out, "\\r");
        else if (code == '\t')
            builder_append_string(out, "\\t");
        else if (code != 0)
            builder_printf(out, "\\u%04x", code & 0xFFFF);
        else
            builder_append_char(out, *text.at);
        text.at += len;
        text.len -= len;
    }
}

void transcript_append_value(struct text value, struct builder *out)
{
    struct builder decoded;

    builder_init(&decoded, SIZE_MAX);
    incoming_append_value(value, &decoded);
    transcript_append_visible(builder_text(&decoded), out);
    builder_clear(&decoded);
}

/* What was published by hand has no time. */
static void append_time(int64_t unix_ms, struct builder *out)
{
    if (unix_ms > 0)
        words_append_time(out, unix_ms);
    else
        builder_append_char(out, '-');
    builder_append_char(out, ' ');
}

void transcript_append_message(const struct incoming *message, struct text user, struct text peer,
                               struct builder *out)
{
    bool own = incoming_equals(message->sender, user);

    append_time(message->ts, out);
    transcript_append_value(message->sender, out);
    if (own && !incoming_equals(message->receiver, peer)) {
        builder_append_string(out, " -> ");
        transcript_append_value(message->receiver, out);
    }
    builder_append_string(out, ": ");
    transcript_append_value(message->content, out);
    builder_append_char(out, '\n');
}

void transcript_append_sent(int64_t unix_ms, struct text content, struct builder *out)
{
    append_time(unix_ms, out);
    builder_append_string(out, "✓ ");
    transcript_append_visible(content, out);
    builder_append_char(out, '\n');
}

void transcript_append_gap(bool reset, struct builder *out)
{
    builder_append_string(out, reset ? "-- ids begin anew here: Redis came back without its "
                                       "messages, or with older ones\n"
                                     : "-- messages may be missing here: some are no longer "
                                       "stored\n");
}
