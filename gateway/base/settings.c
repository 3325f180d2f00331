#include "base/settings.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

#define NAME_MAX_BYTES 64

/* A row's beginning: `member` of struct config is of the kind's type. */
#define SETTING(name_, kind_, member)                                                              \
    .name = (name_), .kind = SETTING_##kind_, .offset = offsetof(struct config, member)

static const char *const SWITCH_NAMES[] = {"off", "on", NULL};
static const char *const DELIVERY_NAMES[] = {"durable", "live", NULL}; /* enum delivery */

/* In the order of --help: listening, Redis, limits, mailboxes, timers, the process. */
const struct setting SETTINGS[] = {
    {SETTING("port", PORT, port), .fallback = "3000", .min = 0, .max = 65535,
     .help = "where HTTP and WebSocket are served; 0 picks a free port"},
    {SETTING("listen", ADDRESS, listen), .fallback = "127.0.0.1",
     .help = "the address to listen on; :: is all of this host"},
    {SETTING("reuse-port", SWITCH, reuse_port), .fallback = "off", .choices = SWITCH_NAMES,
     .help = "lets several gateways of one host share the port"},
    {SETTING("admin-listen", ENDPOINT, admin_listen),
     .help = "where /healthz, /readyz and /metrics are; without it, on the public port"},
    {SETTING("redis", REDIS, redis), .fallback = "127.0.0.1:6379", .help = "where Redis is"},
    {SETTING("id", NAME, id),
     .help = "this gateway's name in Redis and the log; without it, the host name"},
    {SETTING("prefix", NAME, prefix), .fallback = "parley",
     .help = "what the names of all keys and channels in Redis begin with"},
    {SETTING("delivery", CHOICE, delivery), .fallback = "durable", .choices = DELIVERY_NAMES,
     .help = "whether messages are stored in mailboxes, or only pushed to who is connected"},
    {SETTING("presence", CHOICE, presence), .fallback = "on", .choices = SWITCH_NAMES,
     .help = "whether clients are told who is online"},
    {SETTING("max-message", SIZE, max_message), .fallback = "64KiB", .min = KIB, .max = 16 * MIB,
     .help = "the longest message"},
    {SETTING("max-frame", SIZE, max_frame), .fallback = "1MiB", .min = KIB, .max = 64 * MIB,
     .help = "the longest frame, which may hold many messages; at least max-message"},
    {SETTING("max-depth", COUNT, max_depth), .fallback = "32", .min = 1, .max = 512,
     .help = "how deep the JSON of a message may nest"},
    {SETTING("max-sessions", COUNT, max_sessions), .fallback = "100000", .min = 1, .max = 10000000,
     .zero = "off", .help = "sessions of this gateway; never above the limit of open files"},
    {SETTING("max-sessions-per-user", COUNT, max_sessions_per_user), .fallback = "16", .min = 1,
     .max = 100000, .zero = "off", .help = "sessions of one user"},
    {SETTING("output-max", SIZE, output_max), .fallback = "1MiB", .min = 2 * KIB, .max = 1024 * MIB,
     .help = "unsent bytes of one session; at least twice max-message"},
    {SETTING("mailbox-max", COUNT, mailbox_max), .fallback = "1000", .min = 1, .max = 10000000,
     .help = "about how many messages are kept for each user"},
    {SETTING("mailbox-ttl", DURATION, mailbox_ttl_ms), .fallback = "30d", .min = SECOND,
     .max = 3650 * DAY, .zero = "no expiry",
     .help = "how long a mailbox is kept after its last message"},
    {SETTING("ref-ttl", DURATION, ref_ttl_ms), .fallback = "1h", .min = SECOND, .max = 365 * DAY,
     .help = "how long a message that is sent again with its ref is known"},
    {SETTING("copies", CHOICE, copies), .fallback = "on", .choices = SWITCH_NAMES,
     .help = "whether what a user sends is kept in the user's own mailbox too"},
    {SETTING("ping", DURATION, ping_ms), .fallback = "25s", .min = SECOND / 10, .max = HOUR,
     .zero = "off", .help = "how often each connection is pinged"},
    {SETTING("pong-timeout", DURATION, pong_timeout_ms), .fallback = "10s", .min = SECOND / 10,
     .max = HOUR, .help = "how long to wait for the answer to a ping"},
    {SETTING("handshake-timeout", DURATION, handshake_timeout_ms), .fallback = "10s", .min = SECOND,
     .max = HOUR, .help = "how long a new connection may take for its request"},
    {SETTING("drain", DURATION, drain_ms), .fallback = "10s", .min = SECOND / 10, .max = HOUR,
     .zero = "all at once",
     .help = "how long SIGTERM takes to close all sessions, one by one; a second one ends at once"},
    {SETTING("user", ACCOUNT, user),
     .help = "the account to switch to, as root, once the port is bound; without it, none"},
    {SETTING("log-level", CHOICE, log_level), .fallback = "info", .choices = LOG_LEVEL_NAMES,
     .help = "the least important lines that are written"},
    {SETTING("log-format", CHOICE, log_format), .fallback = "text", .choices = LOG_FORMAT_NAMES,
     .help = "key=value, or one JSON object a line"},
    {.name = NULL},
};

/* Largest first. The name of a bare number's unit may be left out by whoever writes the value. */
struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit PLAIN_UNITS[] = {{"", 1}, {NULL, 0}};
static const struct unit SIZE_UNITS[] = {{"MiB", MIB}, {"KiB", KIB}, {"", 1}, {NULL, 0}};
static const struct unit DURATION_UNITS[] = {
    {"d", DAY}, {"h", HOUR}, {"m", 60 * SECOND}, {"s", SECOND}, {"ms", 1}, {NULL, 0},
};

/* What the values of a kind look like. */
static const struct {
    const char *placeholder;  /* in --help; NULL: the choices */
    const char *right;        /* the range or the choices follow, where there are any */
    const struct unit *units; /* NULL: not a number */
    const char *bare_unit;
} KINDS[] = {
    [SETTING_PORT] = {"PORT", "a port is a number", PLAIN_UNITS, ""},
    [SETTING_COUNT] = {"NUMBER", "a number", PLAIN_UNITS, ""},
    [SETTING_SIZE] = {"SIZE", "a size is a number of bytes, or with KiB or MiB,", SIZE_UNITS, ""},
    [SETTING_DURATION] = {"DURATION",
                          "a duration is a number with ms, s, m, h or d, or of seconds,",
                          DURATION_UNITS, "s"},
    [SETTING_SWITCH] = {NULL, "one of", NULL, NULL},
    [SETTING_CHOICE] = {NULL, "one of", NULL, NULL},
    [SETTING_NAME] = {"NAME", "a name is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'", NULL, NULL},
    [SETTING_ADDRESS] = {"ADDRESS",
                         "an address is IPv4 or IPv6 in digits, such as 0.0.0.0 or ::", NULL, NULL},
    [SETTING_ENDPOINT] = {"ADDRESS:PORT",
                          "an address in digits and a port, such as 127.0.0.1:9000 or [::1]:9000",
                          NULL, NULL},
    [SETTING_REDIS] = {"WHERE",
                       "HOST[:PORT], unix:/PATH or redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], "
                       "percent-encoded",
                       NULL, NULL},
    [SETTING_ACCOUNT] = {"ACCOUNT", "the name of an account", NULL, NULL},
};

const struct setting *setting_find(struct text name)
{
    for (const struct setting *setting = SETTINGS; setting->name != NULL; setting++)
        if (text_equal(name, text_of(setting->name)))
            return setting;
    return NULL;
}

static int64_t get_number(const struct setting *setting, const struct config *config)
{
    const void *member = (const char *)config + setting->offset;

    switch (setting->kind) {
    case SETTING_PORT:
        return *(const int *)member;
    case SETTING_COUNT:
        return *(const unsigned *)member;
    case SETTING_SIZE:
        return (int64_t)*(const size_t *)member;
    case SETTING_DURATION:
        return *(const int64_t *)member;
    case SETTING_SWITCH:
        return *(const bool *)member;
    default:
        assert(setting->kind == SETTING_CHOICE);
        return *(const unsigned *)member;
    }
}

/* `number` is in the range of the setting, and so of its type. */
static void set_number(const struct setting *setting, struct config *config, int64_t number)
{
    void *member = (char *)config + setting->offset;

    switch (setting->kind) {
    case SETTING_PORT:
        *(int *)member = (int)number;
        break;
    case SETTING_COUNT:
        *(unsigned *)member = (unsigned)number;
        break;
    case SETTING_SIZE:
        *(size_t *)member = (size_t)number;
        break;
    case SETTING_DURATION:
        *(int64_t *)member = number;
        break;
    case SETTING_SWITCH:
        *(bool *)member = number != 0;
        break;
    default:
        assert(setting->kind == SETTING_CHOICE); /* enums without negative values are unsigned */
        *(unsigned *)member = (unsigned)number;
        break;
    }
}

static char **string_member(const struct setting *setting, struct config *config)
{
    return (char **)(void *)((char *)config + setting->offset);
}

static void append_number(const struct setting *setting, int64_t number, struct builder *out)
{
    const struct unit *unit = KINDS[setting->kind].units;

    while (number % unit->factor != 0)
        unit++;
    builder_printf(out, "%" PRId64 "%s", number / unit->factor, number == 0 ? "" : unit->name);
}

static void append_choices(const struct setting *setting, const char *separator,
                           struct builder *out)
{
    for (const char *const *choice = setting->choices; *choice != NULL; choice++) {
        builder_append_string(out, choice == setting->choices ? "" : separator);
        builder_append_string(out, *choice);
    }
}

static void append_range(const struct setting *setting, struct builder *out)
{
    builder_append_string(out, "from ");
    append_number(setting, setting->min, out);
    builder_append_string(out, " to ");
    append_number(setting, setting->max, out);
    if (setting->zero != NULL)
        builder_printf(out, ", or 0 (%s)", setting->zero);
}

static void append_right(const struct setting *setting, struct builder *right)
{
    builder_append_string(right, KINDS[setting->kind].right);
    if (KINDS[setting->kind].units != NULL) {
        builder_append_char(right, ' ');
        append_range(setting, right);
    } else if (setting->choices != NULL) {
        builder_append_char(right, ' ');
        append_choices(setting, ", ", right);
    }
}

/* Digits and a unit, nothing between, before or behind. */
static bool read_number(const struct setting *setting, struct text value, int64_t *number)
{
    struct text digits = {value.at, 0};
    struct text name;
    uint64_t count;

    while (digits.len < value.len && value.at[digits.len] >= '0' && value.at[digits.len] <= '9')
        digits.len++;
    name = (struct text){value.at + digits.len, value.len - digits.len};
    if (name.len == 0)
        name = text_of(KINDS[setting->kind].bare_unit);
    for (const struct unit *unit = KINDS[setting->kind].units; unit->name != NULL; unit++) {
        if (!text_equal(name, text_of(unit->name)))
            continue;
        if (!text_to_number(digits, (uint64_t)(setting->max / unit->factor), &count))
            return false;
        *number = (int64_t)count * unit->factor;
        return *number >= setting->min || (*number == 0 && setting->zero != NULL);
    }
    return false;
}

static bool read_choice(const struct setting *setting, struct text value, int64_t *number)
{
    for (*number = 0; setting->choices[*number] != NULL; ++*number)
        if (text_equal(value, text_of(setting->choices[*number])))
            return true;
    return false;
}

static bool is_endpoint(struct text value)
{
    struct text host;
    int port = -1;

    return address_split(value, &host, &port) && address_is_numeric(host) && port >= 0;
}

static bool is_string(const struct setting *setting, const char *string)
{
    struct text value = text_of(string);
    struct redis_address address;

    switch (setting->kind) {
    case SETTING_NAME:
        return value.len <= NAME_MAX_BYTES && address_is_name(value);
    case SETTING_ADDRESS:
        return address_is_numeric(value);
    case SETTING_ENDPOINT:
        return is_endpoint(value);
    case SETTING_REDIS:
        if (!redis_address_parse(&address, string))
            return false;
        redis_address_clear(&address);
        return true;
    default:
        assert(setting->kind == SETTING_ACCOUNT);
        return value.len > 0 && !text_has_control(value);
    }
}

static bool read_string(const struct setting *setting, struct config *config, struct text value)
{
    char *string = NULL;

    if (value.len > 0 || setting->fallback != NULL) {
        string = memory_copy(value.at, value.len);
        if (!is_string(setting, string)) {
            free(string);
            return false;
        }
    }
    free(*string_member(setting, config));
    *string_member(setting, config) = string;
    return true;
}

bool setting_read(const struct setting *setting, struct config *config, struct text value,
                  struct builder *right)
{
    int64_t number = 0;
    bool good;

    if (setting->kind >= SETTING_NAME) {
        good = read_string(setting, config, value);
    } else {
        good = setting->choices != NULL ? read_choice(setting, value, &number)
                                        : read_number(setting, value, &number);
        if (good)
            set_number(setting, config, number);
    }
    if (!good && setting->kind == SETTING_REDIS && text_starts_with(value, TEXT("rediss:")))
        builder_append_string(right, "TLS to Redis is not in this version; what is: ");
    if (!good)
        append_right(setting, right);
    return good;
}

void setting_append_value(const struct setting *setting, struct text value, struct builder *out)
{
    if (setting->kind == SETTING_REDIS)
        redis_address_append_masked(value, out);
    else
        builder_append(out, value);
}

void setting_append(const struct setting *setting, const struct config *config, struct builder *out)
{
    const void *member = (const char *)config + setting->offset;

    if (setting->kind >= SETTING_NAME)
        setting_append_value(setting, text_of(*(char *const *)member), out);
    else if (setting->choices != NULL)
        builder_append_string(out, setting->choices[get_number(setting, config)]);
    else
        append_number(setting, get_number(setting, config), out);
}

void setting_append_help(const struct setting *setting, struct builder *out)
{
    bool is_number = KINDS[setting->kind].units != NULL;

    builder_printf(out, "  --%s", setting->name);
    builder_append_string(out, setting->kind == SETTING_SWITCH ? "[=" : " ");
    if (setting->choices != NULL)
        append_choices(setting, "|", out);
    else
        builder_append_string(out, KINDS[setting->kind].placeholder);
    builder_append_string(out, setting->kind == SETTING_SWITCH ? "]" : "");
    if (setting->fallback != NULL)
        builder_printf(out, "    default %s", setting->fallback);
    if (is_number) {
        builder_append_string(out, "; ");
        append_range(setting, out);
    }
    builder_printf(out, "\n        %s\n", setting->help);
    if (!is_number && setting->choices == NULL)
        builder_printf(out, "        (%s)\n", KINDS[setting->kind].right);
}

void settings_clear(struct config *config)
{
    for (const struct setting *setting = SETTINGS; setting->name != NULL; setting++) {
        if (setting->kind < SETTING_NAME)
            continue;
        free(*string_member(setting, config));
        *string_member(setting, config) = NULL;
    }
}
