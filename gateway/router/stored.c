#include "router/stored.h"

#include "base/log.h"
#include "base/metrics.h"
#include "message/published.h"

const char *stored_check(struct text frame)
{
    bool is_message;
    const char *wrong = parse_foreign(frame, &is_message);

    if (wrong == NULL && parse_published(frame).kind != PUBLISHED_MESSAGE)
        wrong = "not written by a gateway";
    return wrong;
}

void stored_pass_over(struct message_id id, const char *why)
{
    char text[MESSAGE_ID_TEXT_MAX];

    metrics_add(METRIC_ENTRIES_PASSED_OVER, 1);
    log_repeated(LOG_LEVEL_WARN, "mailbox_entry_passed_over",
                 LOG_TEXT("id", message_id_format(id, text)), LOG_STRING("why", why));
}
