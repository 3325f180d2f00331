#include "parley/outgoing.h"

#include <stdlib.h>

#include <check.h>

#include "unit.h"

START_TEST(refs_are_of_one_run)
{
    struct refs one;
    struct refs other;
    struct outgoing first;
    struct outgoing second;

    refs_draw(&one);
    refs_draw(&other);
    ck_assert(outgoing_make(&first, &one, TEXT("bob"), TEXT("a"), false));
    ck_assert(outgoing_make(&second, &one, TEXT("bob"), TEXT("a"), false));
    ck_assert_str_ne(first.ref, second.ref);
    ck_assert(refs_have(&one, text_of(first.ref)));
    ck_assert(refs_have(&one, text_of(second.ref)));
    ck_assert(!refs_have(&other, text_of(first.ref)));
    ck_assert(!refs_have(&one, text_of(one.name)));
    ck_assert(!refs_have(&one, TEXT("")));
    outgoing_clear(&first);
    outgoing_clear(&second);
}
END_TEST

START_TEST(json_is_sent_as_such_when_it_is_wanted_and_is_some)
{
    struct refs refs = {.name = "n"};
    static const struct {
        const char *content;
        bool as_json;
        const char *frame;
    } FRAMES[] = {
        {"{\"a\": 1}", true, "{\"receiverID\":\"b\\\"b\",\"content\":{\"a\": 1},\"ref\":\"n-1\"}"},
        {"{\"a\": 1", true,
         "{\"receiverID\":\"b\\\"b\",\"content\":\"{\\\"a\\\": 1\",\"ref\":\"n-2\"}"},
        {"1 2", true, "{\"receiverID\":\"b\\\"b\",\"content\":\"1 2\",\"ref\":\"n-3\"}"},
        {"1", false, "{\"receiverID\":\"b\\\"b\",\"content\":\"1\",\"ref\":\"n-4\"}"},
    };
    struct outgoing message;

    for (size_t i = 0; i < sizeof(FRAMES) / sizeof(*FRAMES); i++) {
        ck_assert(outgoing_make(&message, &refs, TEXT("b\"b"), text_of(FRAMES[i].content),
                                FRAMES[i].as_json));
        ck_assert_str_eq(message.frame.at, FRAMES[i].frame);
        outgoing_clear(&message);
    }
    ck_assert(!outgoing_make(&message, &refs, TEXT("b"), TEXT("\xff"), true));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("outgoing");

    tcase_add_test(tests, refs_are_of_one_run);
    tcase_add_test(tests, json_is_sent_as_such_when_it_is_wanted_and_is_some);
    return unit_run("outgoing", tests);
}
