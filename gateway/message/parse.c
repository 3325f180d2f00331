#include "message/parse.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/element.h"
#include "message/field.h"
#include "message/scan.h"

#define DEVICE_MAX 64
#define EXCERPT_MAX 32 /* bytes of a stranger's text in an error message */
#define EXPLANATION_MAX 256

#define AS_TEXT(symbol, name) {(name), sizeof(name) - 1},
static const struct text TYPE_NAMES[REQUEST_TYPE_COUNT] = {REQUEST_TYPES(AS_TEXT)};
#undef AS_TEXT

#define AS_LIST(symbol, name) ", " name
static const char TYPE_LIST[] = REQUEST_TYPES(AS_LIST); /* begins with a comma and a blank */
#undef AS_LIST

/* Made for the requests that have one: the slots are many, and room in each would be megabytes. */
struct user_list {
    struct text users[PARSE_USERS_MAX];
    size_t count;
    char decoded[]; /* PARSE_USER_MAX for each that is escaped */
};

/* A request and what its texts point to when it is not the frame itself. */
struct slot {
    struct request request;
    char sender[PARSE_USER_MAX];
    char receiver[PARSE_USER_MAX];
    char ref[PARSE_REF_MAX];
    char id[MESSAGE_ID_TEXT_MAX];
    struct user_list *users; /* or NULL */
    char explanation[EXPLANATION_MAX];
};

struct parser {
    size_t max_message;
    size_t max_depth;
    size_t count;
    struct slot slots[PARSE_BATCH_MAX];
};

struct parser *parser_new(size_t max_message, size_t max_depth)
{
    struct parser *parser = memory_alloc(sizeof(*parser));

    parser->max_message = max_message;
    parser->max_depth = max_depth;
    return parser;
}

static void clear_requests(struct parser *parser)
{
    for (size_t i = 0; i < parser->count; i++) {
        free(parser->slots[i].users);
        parser->slots[i].users = NULL;
    }
    parser->count = 0;
}

void parser_free(struct parser *parser)
{
    if (parser == NULL)
        return;
    clear_requests(parser);
    free(parser);
}

const struct request *parser_request(const struct parser *parser, size_t index)
{
    assert(index < parser->count);
    return &parser->slots[index].request;
}

__attribute__((format(printf, 3, 4))) static void fail(struct slot *slot, enum error_code error,
                                                       const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(slot->explanation, sizeof(slot->explanation), format, args);
    va_end(args);
    assert(len > 0 && (size_t)len < sizeof(slot->explanation));
    slot->request.failed = true;
    slot->request.error = error;
    slot->request.message = (struct text){slot->explanation, (size_t)len};
}

/* A ref that cannot be read is an error of its own only if nothing else is wrong with the element;
 * one that can be read goes into the answer whatever else is wrong. */
static const char *read_ref(struct slot *slot, const struct element *element)
{
    const struct scan_value *value = &element->members[MEMBER_REF];
    const char *wrong = NULL;

    if (value->text.at == NULL)
        return NULL;
    wrong = field_read_string(value, PARSE_REF_MAX, slot->ref, &slot->request.ref);
    slot->request.has_ref = wrong == NULL;
    return wrong;
}

/* Leaves it a message, as without a type, when the type is wrong: then the result is false. */
static bool read_type(struct request *request, const struct scan_value *value)
{
    if (value->text.at == NULL)
        return true;
    if (value->kind != SCAN_STRING)
        return false;
    size_t type = element_index_of(value, TYPE_NAMES, REQUEST_TYPE_COUNT);
    if (type == REQUEST_TYPE_COUNT)
        return false;
    request->type = (enum request_type)type;
    return true;
}

static void fail_type(struct slot *slot, const struct scan_value *value)
{
    char excerpt[EXCERPT_MAX + 1] = {0};

    if (value->kind != SCAN_STRING) {
        fail(slot, ERROR_BAD_REQUEST, "type is not a string: the types are%s", TYPE_LIST + 1);
        return;
    }
    /* As it was written, so its escapes stay escapes; cut between two characters. */
    struct text type = {value->text.at + 1, value->text.len - 2};
    size_t len = type.len < EXCERPT_MAX ? type.len : EXCERPT_MAX;
    while (len < type.len && ((unsigned char)type.at[len] & 0xC0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++)
        excerpt[i] = type.at[i] == 0x7F ? '?' : type.at[i]; /* JSON lets this control through */
    fail(slot, ERROR_UNKNOWN_TYPE, "unknown type \"%s\"%s: the types are%s", excerpt,
         len < type.len ? "..." : "", TYPE_LIST + 1);
}

static bool read_receiver(struct slot *slot, const struct element *element)
{
    const struct scan_value *value = &element->members[MEMBER_RECEIVER_ID];
    const char *name = "receiverID";

    if (value->text.at == NULL && element->members[MEMBER_RECEIVER].text.at != NULL) {
        value = &element->members[MEMBER_RECEIVER];
        name = "receiver";
    }
    const char *wrong =
        field_read_string(value, PARSE_USER_MAX, slot->receiver, &slot->request.receiver);
    if (wrong == NULL)
        return true;
    fail(slot, ERROR_BAD_RECEIVER,
         "%s %s: it must be a string of 1 to %d bytes without control characters", name, wrong,
         PARSE_USER_MAX);
    return false;
}

static bool read_sender(struct slot *slot, const struct scan_value *value)
{
    const char *wrong = NULL;

    if (value->text.at != NULL && !text_equal(value->text, TEXT("\"\"")))
        wrong = field_read_string(value, PARSE_USER_MAX, slot->sender, &slot->request.sender);
    if (wrong == NULL)
        return true;
    fail(slot, ERROR_BAD_REQUEST,
         "sender %s: it must be a string of at most %d bytes without control characters, or left "
         "out",
         wrong, PARSE_USER_MAX);
    return false;
}

/* Required for all signals but typing. */
static bool read_id(struct slot *slot, const struct scan_value *value)
{
    struct message_id id;
    const char *wrong = NULL;

    if (value->text.at == NULL && slot->request.type == REQUEST_TYPING)
        return true;
    wrong = field_read_string(value, MESSAGE_ID_TEXT_MAX - 1, slot->id, &slot->request.id);
    if (wrong == NULL && !message_id_parse(slot->request.id, &id))
        wrong = "is not an id";
    if (wrong == NULL)
        return true;
    fail(slot, ERROR_BAD_REQUEST,
         "id %s: it must be the id of a message, such as \"1700000000000-0\"", wrong);
    return false;
}

static void read_with(struct slot *slot, const struct scan_value *value)
{
    const char *wrong =
        field_read_string(value, PARSE_USER_MAX, slot->receiver, &slot->request.with);

    if (wrong != NULL)
        fail(slot, ERROR_BAD_REQUEST,
             "with %s: it must be the other user of the conversation, a string of 1 to %d bytes "
             "without control characters",
             wrong, PARSE_USER_MAX);
}

static void read_before(struct slot *slot, const struct scan_value *value)
{
    struct message_id id;
    const char *wrong = NULL;

    if (value->text.at == NULL)
        return;
    wrong = field_read_string(value, MESSAGE_ID_TEXT_MAX - 1, slot->id, &slot->request.before);
    if (wrong == NULL && !message_id_parse(slot->request.before, &id))
        wrong = "is not an id";
    if (wrong != NULL)
        fail(slot, ERROR_BAD_REQUEST,
             "before %s: it must be an id, such as the \"next\" of the page before, or left out",
             wrong);
}

static void read_limit(struct slot *slot, const struct scan_value *value)
{
    const char *wrong = NULL;

    slot->request.limit = PARSE_HISTORY_DEFAULT;
    if (value->text.at == NULL)
        return;
    wrong = field_read_count(value, PARSE_HISTORY_MAX, &slot->request.limit);
    if (wrong != NULL)
        fail(slot, ERROR_BAD_REQUEST,
             "limit %s: it must be a whole number from 1 to %d, or left out", wrong,
             PARSE_HISTORY_MAX);
}

/* The first thing that is wrong is the error. */
static void read_history(struct slot *slot, const struct scan_value *members)
{
    read_with(slot, &members[MEMBER_WITH]);
    if (!slot->request.failed)
        read_before(slot, &members[MEMBER_BEFORE]);
    if (!slot->request.failed)
        read_limit(slot, &members[MEMBER_LIMIT]);
}

/* The array that the scanner is in front of: how many elements it has, and how many of them are
 * escaped. */
static size_t count_elements(struct scanner scanner, size_t *escaped)
{
    struct scan_value value;
    size_t count = 0;

    *escaped = 0;
    scan_enter(&scanner, '[');
    while (scan_element(&scanner, &value)) {
        count++;
        *escaped += value.escaped;
    }
    return count;
}

static bool list_has(const struct user_list *list, struct text user)
{
    for (size_t i = 0; i < list->count; i++)
        if (text_equal(list->users[i], user))
            return true;
    return false;
}

/* Of an array of 1 to PARSE_USERS_MAX elements, in front of which the scanner is. */
static void read_list(struct slot *slot, struct scanner *scanner, size_t escaped)
{
    struct user_list *list = memory_alloc(sizeof(*list) + escaped * PARSE_USER_MAX);
    char *storage = list->decoded;
    struct scan_value value;
    struct text user;

    slot->users = list;
    scan_enter(scanner, '[');
    for (size_t i = 0; scan_element(scanner, &value); i++) {
        const char *wrong = field_read_string(&value, PARSE_USER_MAX, storage, &user);

        if (wrong != NULL) {
            fail(slot, ERROR_BAD_REQUEST,
                 "users[%zu] %s: each must be a string of 1 to %d bytes without control characters",
                 i, wrong, PARSE_USER_MAX);
            return;
        }
        if (list_has(list, user))
            continue;
        list->users[list->count++] = user;
        if (value.escaped)
            storage += PARSE_USER_MAX;
    }
    slot->request.users = list->users;
    slot->request.user_count = list->count;
}

static void read_users(struct slot *slot, const struct scan_value *value)
{
    static const char right[] = "it must be an array of 1 to";
    struct scanner scanner;
    size_t escaped;

    if (value->text.at == NULL || value->kind != SCAN_ARRAY) {
        fail(slot, ERROR_BAD_REQUEST, "users is %s: %s %d users",
             value->text.at == NULL ? "missing" : "not an array", right, PARSE_USERS_MAX);
        return;
    }
    scan_begin(&scanner, value->text, SCAN_DEPTH_LIMIT);
    size_t count = count_elements(scanner, &escaped);
    if (count == 0)
        fail(slot, ERROR_BAD_REQUEST, "users is empty: %s %d users", right, PARSE_USERS_MAX);
    else if (count > PARSE_USERS_MAX)
        fail(slot, ERROR_BAD_REQUEST, "users has %zu elements: %s %d users", count, right,
             PARSE_USERS_MAX);
    else
        read_list(slot, &scanner, escaped);
}

/* What is wrong with an element whatever its type. */
static bool check_element(struct slot *slot, const struct element *element,
                          const struct parser *limits)
{
    static const char *const KINDS[] = {
        [SCAN_OBJECT] = "an object", [SCAN_ARRAY] = "an array", [SCAN_STRING] = "a string",
        [SCAN_NUMBER] = "a number",  [SCAN_TRUE] = "true",      [SCAN_FALSE] = "false",
        [SCAN_NULL] = "null"};

    if (element->kind != SCAN_OBJECT) {
        fail(slot, ERROR_BAD_REQUEST,
             "%s in the place of an object: a frame is an object, or an array of 1 to %d objects",
             KINDS[element->kind], PARSE_BATCH_MAX);
        return false;
    }
    if (element->text.len > limits->max_message) {
        fail(slot, ERROR_TOO_LARGE, "an object of %zu bytes: at most %zu are allowed",
             element->text.len, limits->max_message);
        return false;
    }
    if (element->depth > limits->max_depth) {
        fail(slot, ERROR_TOO_DEEP, "nested %zu levels deep: at most %zu are allowed",
             element->depth, limits->max_depth);
        return false;
    }
    if (element->doubled != NULL) {
        fail(slot, ERROR_BAD_REQUEST, "%s is given twice", element->doubled);
        return false;
    }
    if (element->members[MEMBER_RECEIVER].text.at != NULL &&
        element->members[MEMBER_RECEIVER_ID].text.at != NULL) {
        fail(slot, ERROR_BAD_REQUEST, "receiver and receiverID mean the same: give one of them");
        return false;
    }
    return true;
}

/* Makes the next request out of an element. */
static void add_request(struct parser *parser, const struct element *element)
{
    struct slot *slot = &parser->slots[parser->count++];
    struct request *request = &slot->request;

    memset(request, 0, sizeof(*request));
    const char *wrong = read_ref(slot, element);
    bool known = read_type(request, &element->members[MEMBER_TYPE]);
    if (!check_element(slot, element, parser))
        return;
    if (!known) {
        fail_type(slot, &element->members[MEMBER_TYPE]);
        return;
    }
    if (wrong != NULL) {
        fail(slot, ERROR_BAD_REQUEST,
             "ref %s: it must be a string of 1 to %d bytes without control characters", wrong,
             PARSE_REF_MAX);
        return;
    }
    switch (request->type) {
    case REQUEST_MESSAGE:
        request->content = element->members[MEMBER_CONTENT].text;
        if (read_receiver(slot, element) && read_sender(slot, &element->members[MEMBER_SENDER]) &&
            request->content.at == NULL)
            fail(slot, ERROR_BAD_REQUEST, "content is missing: any JSON value will do");
        return;
    case REQUEST_TYPING:
    case REQUEST_DELIVERED:
    case REQUEST_READ:
        if (read_receiver(slot, element) && read_sender(slot, &element->members[MEMBER_SENDER]))
            read_id(slot, &element->members[MEMBER_ID]);
        return;
    case REQUEST_PRESENCE:
    case REQUEST_WATCH:
    case REQUEST_UNWATCH:
        read_users(slot, &element->members[MEMBER_USERS]);
        return;
    case REQUEST_ACK:
        read_id(slot, &element->members[MEMBER_ID]);
        return;
    case REQUEST_HISTORY:
        read_history(slot, element->members);
        return;
    default:
        return; /* nothing more of it is read */
    }
}

/* The one request of a frame that is wrong as a whole. */
static struct slot *only_request(struct parser *parser)
{
    clear_requests(parser);
    memset(&parser->slots[0].request, 0, sizeof(parser->slots[0].request));
    parser->count = 1;
    return &parser->slots[0];
}

static void fail_scan(struct parser *parser, const struct scanner *scanner)
{
    if (scanner->error == SCAN_TOO_DEEP)
        fail(only_request(parser), ERROR_TOO_DEEP, "nested deeper than %d levels at byte %zu",
             SCAN_DEPTH_LIMIT, scanner->at);
    else
        fail(only_request(parser), ERROR_BAD_JSON, "not JSON: expected %s at %s %zu",
             scanner->expected, scanner->at < scanner->text.len ? "byte" : "the end, byte",
             scanner->at);
}

/* Reads the elements of the array that was entered; how many there are. */
static size_t read_batch(struct parser *parser, struct scanner *scanner, bool pair_session)
{
    struct element element;
    size_t count = 0;

    while (scan_next(scanner) && element_read(scanner, &element)) {
        if (!pair_session && count < PARSE_BATCH_MAX)
            add_request(parser, &element);
        count++;
    }
    if (pair_session && count > 0)
        add_request(parser, &element);
    return count;
}

size_t parser_read(struct parser *parser, struct text frame, bool pair_session)
{
    struct scanner scanner;
    struct element element;
    size_t batch = 1;

    clear_requests(parser);
    scan_begin(&scanner, frame, SCAN_DEPTH_LIMIT);
    if (scan_enter(&scanner, '['))
        batch = read_batch(parser, &scanner, pair_session);
    else if (element_read(&scanner, &element))
        add_request(parser, &element);
    /* Only now is it known that the frame is JSON, and only then do its requests count. */
    if (!scan_end(&scanner))
        fail_scan(parser, &scanner);
    else if (batch > PARSE_BATCH_MAX && !pair_session)
        fail(only_request(parser), ERROR_BATCH_TOO_LONG,
             "a batch of %zu objects: at most %d are allowed", batch, PARSE_BATCH_MAX);
    else if (batch == 0 && !pair_session)
        fail(only_request(parser), ERROR_BAD_REQUEST,
             "an empty array: a frame is an object, or an array of 1 to %d objects",
             PARSE_BATCH_MAX);
    return parser->count;
}

static bool is_name(struct text name, size_t max)
{
    return name.len >= 1 && name.len <= max && text_is_utf8(name) && !text_has_control(name);
}

bool parse_is_user(struct text user)
{
    return is_name(user, PARSE_USER_MAX);
}

bool parse_is_device(struct text device)
{
    return is_name(device, DEVICE_MAX);
}
