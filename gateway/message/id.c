#include "message/id.h"

#include <inttypes.h>
#include <stdio.h>

bool message_id_parse(struct text text, struct message_id *id)
{
    struct text ms = text_split(&text, '-');

    return text_to_number(ms, UINT64_MAX, &id->ms) && text_to_number(text, UINT64_MAX, &id->seq);
}

struct text message_id_format(struct message_id id, char out[MESSAGE_ID_TEXT_MAX])
{
    int len = snprintf(out, MESSAGE_ID_TEXT_MAX, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);

    return (struct text){out, (size_t)len};
}

int message_id_compare(struct message_id left, struct message_id right)
{
    if (left.ms != right.ms)
        return left.ms < right.ms ? -1 : 1;
    if (left.seq != right.seq)
        return left.seq < right.seq ? -1 : 1;
    return 0;
}
