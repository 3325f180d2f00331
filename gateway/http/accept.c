#include "http/accept.h"

#include <string.h>
#include <strings.h>

#define QUALITY_ONE 1000U /* qualities have three digits behind the point */

static bool equals_ignoring_case(struct text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

/* A qvalue (section 12.4.2) in thousandths; what is none is 0: not wanted. */
static unsigned quality_from(struct text value)
{
    unsigned quality = 0;
    unsigned unit = QUALITY_ONE;

    for (size_t i = 0; i < value.len; i++) {
        if (i == 1 && value.at[i] == '.')
            continue;
        if (value.at[i] < '0' || value.at[i] > '9' || unit == 0)
            return 0;
        quality += (unsigned)(value.at[i] - '0') * unit;
        unit /= 10;
    }
    return quality > QUALITY_ONE ? 0 : quality;
}

/* The `q` among the parameters of a media range. */
static unsigned quality_of(struct text parameters)
{
    while (parameters.len > 0) {
        struct text value = text_split(&parameters, ';');
        struct text name = text_split(&value, '=');

        if (equals_ignoring_case(text_trim(name), "q"))
            return quality_from(text_trim(value));
    }
    return QUALITY_ONE;
}

/* How well a media range fits the type text/`subtype`: 0 not at all, 3 exactly. Its parameters but
 * `q` do not matter: there is one text of each type. */
static int fit(struct text range, const char *subtype)
{
    struct text type = text_split(&range, '/');

    if (equals_ignoring_case(type, "*") && equals_ignoring_case(range, "*"))
        return 1;
    if (!equals_ignoring_case(type, "text"))
        return 0;
    if (equals_ignoring_case(range, "*"))
        return 2;
    return equals_ignoring_case(range, subtype) ? 3 : 0;
}

/* The quality of text/`subtype`: that of the range which fits it best. */
static unsigned quality_in(struct text accept, const char *subtype)
{
    unsigned quality = 0;
    int best = 0;

    while (accept.len > 0) {
        struct text parameters = text_split(&accept, ',');
        int fits = fit(text_trim(text_split(&parameters, ';')), subtype);

        if (fits > best) {
            best = fits;
            quality = quality_of(parameters);
        }
    }
    return quality;
}

bool accept_prefers_html(struct text accept)
{
    return quality_in(accept, "html") > quality_in(accept, "plain");
}
