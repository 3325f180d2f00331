#include "session/window.h"

void window_wrote(struct window *window, size_t bytes)
{
    window->written += bytes;
}

bool window_is_full(const struct window *window)
{
    return window->is_used && !window->is_suspended && window->written >= WINDOW_BYTES;
}

bool window_wants_ping(const struct window *window)
{
    return window->is_used && !window->is_pinged && window->written >= WINDOW_BYTES / 2;
}

void window_pinged(struct window *window, uint32_t number, int64_t now_ms)
{
    if (window->is_pinged)
        return;
    window->is_pinged = true;
    window->ping = number;
    window->pinged_ms = now_ms;
    window->covered = window->written;
}

void window_pong(struct window *window, uint32_t number)
{
    if (!window->is_pinged || number < window->ping)
        return;
    window->is_suspended = false;
    window->is_pinged = false;
    window->written -= window->covered;
}

bool window_heard(struct window *window, int64_t overdue_ms)
{
    if (!window_is_full(window) || !window->is_pinged || window->pinged_ms > overdue_ms)
        return false;
    window->is_suspended = true;
    return true;
}
