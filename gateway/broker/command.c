#include "broker/command.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

/* A command is `*COUNT\r\n`, and of each argument `$LEN\r\nBYTES\r\n`
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/). hiredis would do it, with an
 * sprintf() for each of them: a third of what a gateway computes for a message that it accepts. */
static size_t head_len(size_t number)
{
    size_t len = strlen("$0\r\n");

    for (; number >= 10; number /= 10)
        len++;
    return len;
}

/* Each returns the end of what it wrote. */
static char *write_bytes(char *at, struct text bytes)
{
    if (bytes.len > 0) /* an empty one may point nowhere */
        memcpy(at, bytes.at, bytes.len);
    return at + bytes.len;
}

static char *write_head(char *at, char kind, size_t number)
{
    char digits[TEXT_NUMBER_MAX];

    *at = kind;
    at = write_bytes(at + 1, text_from_number(number, digits));
    return write_bytes(at, TEXT("\r\n"));
}

struct text command_format(const struct text *args, size_t count)
{
    size_t len = head_len(count);

    assert(count > 0 && count <= COMMAND_MAX_ARGS);
    for (size_t i = 0; i < count; i++)
        len += head_len(args[i].len) + args[i].len + strlen("\r\n");

    char *command = memory_alloc(len);
    char *at = write_head(command, '*', count);
    for (size_t i = 0; i < count; i++) {
        at = write_head(at, '$', args[i].len);
        at = write_bytes(at, args[i]);
        at = write_bytes(at, TEXT("\r\n"));
    }
    assert(at == command + len);
    return (struct text){command, len};
}

void command_free(struct text command)
{
    free((char *)(uintptr_t)command.at); /* ours, const only as a text */
}

struct text command_argument(struct text command, size_t index)
{
    struct text argument = {command.at, 0};

    (void)text_split(&command, '\n');
    for (size_t i = 0; i <= index; i++) {
        struct text len = text_split(&command, '\n');
        argument = (struct text){command.at, strtoul(len.at + 1, NULL, 10)};
        command.at += argument.len + 2;
        command.len -= argument.len + 2;
    }
    return argument;
}

const char *command_error_text(const struct redisReply *error, char out[COMMAND_ERROR_MAX])
{
    snprintf(out, COMMAND_ERROR_MAX, "%s", error->str);
    char *quoted = strstr(out, ", with args beginning with");
    if (quoted != NULL)
        *quoted = '\0';
    return out;
}
