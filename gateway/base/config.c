/* base/config.c: see config.h. The settings themselves are in settings.c, where their values come
 * from in sources.c; here is what they must be together. */
#include "base/config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/settings.h"
#include "base/sources.h"

#define ID_MAX_BYTES 64
#define OUTPUT_MAX_BYTES 65536 /* of --help and --check-config */

static const char HELP_HEAD[] =
    "Usage: parley-gateway [--NAME VALUE]...\n"
    "A WebSocket chat gateway that scales out over Redis.\n"
    "\n"
    "Every setting is a flag, an environment variable and a line of a file:\n"
    "    --mailbox-max 500 or --mailbox-max=500\n"
    "    PARLEY_MAILBOX_MAX=500: the name in upper case, '_' for '-'\n"
    "    mailbox-max = 500 in the file; a line that begins with # is a comment\n"
    "The flag wins over the environment, that over the file, that over the default. Of a flag\n"
    "that is given twice the last one counts. Unknown names are errors in all three places.\n"
    "Durations take ms, s, m, h or d, and a bare number is seconds; sizes take KiB or MiB, and\n"
    "a bare number is bytes. A limit of 0 is off only where that is said.\n"
    "\n"
    "  --config FILE\n"
    "        the file to read; also PARLEY_CONFIG\n"
    "  --check-config\n"
    "        checks all settings, prints them as lines of the file, passwords hidden, and exits\n"
    "  --help, --version\n"
    "        print this, or the version, and exit\n"
    "\n";

static const char HELP_TAIL[] =
    "\nExit status: 0 after an orderly end, 1 when something of the system is in the way (a port\n"
    "that is taken), 2 for a wrong setting, with one line that names it. Redis being away is no\n"
    "reason to exit: the gateway tries again until it is there.\n";

static void apply_defaults(struct config *config)
{
    struct builder right;

    builder_init(&right, 1024);
    for (const struct setting *setting = SETTINGS; setting->name != NULL; setting++) {
        bool good = setting->fallback == NULL ||
                    setting_read(setting, config, text_of(setting->fallback), &right);

        assert(good);
        (void)good;
    }
    builder_clear(&right);
}

/* The host's name as an id. */
static char *host_id(void)
{
    char name[ID_MAX_BYTES + 1];

    if (gethostname(name, sizeof(name)) != 0 && errno != ENAMETOOLONG)
        name[0] = '\0';
    name[ID_MAX_BYTES] = '\0'; /* a longer one is cut without a NUL */
    if (name[0] == '\0')
        return memory_copy("gateway", strlen("gateway"));
    for (char *at = name; *at != '\0'; at++)
        if (!address_is_name((struct text){at, 1}))
            *at = '-';
    return memory_copy(name, strlen(name));
}

static void append_name_and_value(const struct config *config, const char *name,
                                  struct builder *out)
{
    builder_printf(out, "%s ", name);
    setting_append(setting_find(text_of(name)), config, out);
}

/* `good`: whether the two settings are as `rule` has it. */
static bool check_pair(const struct config *config, FILE *err, bool good, const char *name,
                       const char *other, const char *rule)
{
    struct builder pair;

    if (good)
        return true;
    builder_init(&pair, OUTPUT_MAX_BYTES);
    append_name_and_value(config, name, &pair);
    builder_append_string(&pair, " and ");
    append_name_and_value(config, other, &pair);
    sources_complain(err, "%.*s: %s", SHOWN(builder_text(&pair)), rule);
    builder_clear(&pair);
    return false;
}

static bool is_consistent(const struct config *config, FILE *err)
{
    struct redis_address redis;
    bool shares_channels;
    bool good = redis_address_parse(&redis, config->redis);

    assert(good); /* it was checked when it was read */
    (void)good;
    shares_channels =
        redis.db != 0 && strcmp(config->prefix, setting_find(TEXT("prefix"))->fallback) == 0;
    redis_address_clear(&redis);
    return check_pair(config, err, config->max_frame >= config->max_message, "max-frame",
                      "max-message", "a frame must hold the longest message") &&
           check_pair(config, err, config->output_max / 2 >= config->max_message, "output-max",
                      "max-message", "output-max must be at least twice max-message") &&
           check_pair(config, err, !shares_channels, "redis", "prefix",
                      "channels are not separated by db, so a db other than 0 needs a prefix of "
                      "its own");
}

static void append_effective(const struct config *config, struct builder *out)
{
    for (const struct setting *setting = SETTINGS; setting->name != NULL; setting++) {
        builder_printf(out, "%s = ", setting->name);
        setting_append(setting, config, out);
        builder_append_char(out, '\n');
    }
}

static void append_help(struct builder *out)
{
    builder_append_string(out, HELP_HEAD);
    for (const struct setting *setting = SETTINGS; setting->name != NULL; setting++)
        setting_append_help(setting, out);
    builder_append_string(out, HELP_TAIL);
}

enum config_result config_load(struct config *config, int argc, char *const *argv,
                               char *const *environment, FILE *out, FILE *err)
{
    enum sources_command command;
    struct builder answer;

    *config = (struct config){0};
    apply_defaults(config);
    if (!sources_read(config, argc, argv, environment, err, &command))
        return CONFIG_WRONG;
    if (config->id == NULL)
        config->id = host_id();
    if (!is_consistent(config, err))
        return CONFIG_WRONG;
    if (command == SOURCES_RUN)
        return CONFIG_RUN;

    builder_init(&answer, OUTPUT_MAX_BYTES);
    if (command == SOURCES_HELP)
        append_help(&answer);
    else if (command == SOURCES_VERSION)
        builder_append_string(&answer, "parley-gateway " PARLEY_VERSION "\n");
    else
        append_effective(config, &answer);
    (void)fwrite(builder_text(&answer).at, 1, builder_text(&answer).len, out);
    builder_clear(&answer);
    return CONFIG_EXIT;
}

void config_clear(struct config *config)
{
    settings_clear(config);
}
