#include "message/errors.h"

#include <assert.h>
#include <stddef.h>

#define NAME(symbol, code) [ERROR_##symbol] = (code),
const char *const ERROR_CODE_NAMES[ERROR_CODE_COUNT] = {ERROR_CODES(NAME)};
#undef NAME

const char *error_code_name(enum error_code code)
{
    assert((size_t)code < ERROR_CODE_COUNT);
    return ERROR_CODE_NAMES[code];
}
