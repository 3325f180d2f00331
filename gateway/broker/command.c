#include "broker/command.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

struct text command_format(const struct text *args, size_t count)
{
    const char *at[COMMAND_MAX_ARGS];
    size_t lens[COMMAND_MAX_ARGS];
    char *bytes = NULL;

    assert(count > 0 && count <= COMMAND_MAX_ARGS);
    for (size_t i = 0; i < count; i++) {
        at[i] = args[i].at;
        lens[i] = args[i].len;
    }
    long long len = redisFormatCommandArgv(&bytes, (int)count, at, lens);
    if (len < 0)
        abort(); /* only without memory */
    return (struct text){bytes, (size_t)len};
}

void command_free(struct text command)
{
    redisFreeCommand((char *)(uintptr_t)command.at); /* ours, const only as a text */
}

/* Behind the count, each argument is `$LEN\r\nBYTES\r\n`
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
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
