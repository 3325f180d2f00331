#include "session/output.h"

#include <stdlib.h>

#include <check.h>

#include "seed.h"
#include "unit.h"

/* Pushes a message with this id, of the session's second user. */
static bool push(struct output *output, struct buffer *frame, uint64_t ms)
{
    return output_push(output, &(struct output_item){
                                   .frame = frame, .id = {ms, 0}, .is_message = ms > 0, .user = 1});
}

START_TEST(what_was_pushed_comes_out_in_order_with_its_id)
{
    struct buffer *first = buffer_new("1", 1);
    struct buffer *second = buffer_new("22", 2);
    struct output output;

    output_init(&output, 100);
    ck_assert_ptr_null(output_front(&output));
    ck_assert(push(&output, first, 1700000000123));
    ck_assert(push(&output, second, 0));
    ck_assert_uint_eq(output.count, 2);
    ck_assert_uint_eq(output.messages, 1);
    ck_assert_uint_eq(output.bytes, 3);

    ck_assert_ptr_eq(output_front(&output)->frame, first);
    ck_assert_uint_eq(output_front(&output)->id.ms, 1700000000123);
    ck_assert_uint_eq(output_front(&output)->user, 1);
    output_shift(&output);
    ck_assert_uint_eq(output.messages, 0);
    ck_assert_ptr_eq(output_front(&output)->frame, second);
    ck_assert(!output_front(&output)->is_message);
    output_shift(&output);
    ck_assert_ptr_null(output_front(&output));
    ck_assert_uint_eq(output.bytes, 0);

    output_clear(&output);
    buffer_unref(first);
    buffer_unref(second);
}
END_TEST

START_TEST(full_queue_refuses_and_keeps_no_reference)
{
    struct buffer *message = buffer_new("0123456789", 10);
    struct output output;

    output_init(&output, 19);
    ck_assert(push(&output, message, 0));
    ck_assert(!push(&output, message, 0)); /* 20 bytes, the limit is 19 */
    ck_assert_uint_eq(buffer_references(message), 2);
    ck_assert_uint_eq(output.bytes, 10);
    output_shift(&output);
    ck_assert_uint_eq(buffer_references(message), 1); /* only ours is left */
    ck_assert(push(&output, message, 0));             /* and there is room again */

    output_clear(&output);
    buffer_unref(message);
}
END_TEST

START_TEST(one_frame_always_fits)
{
    struct buffer *message = buffer_new("0123456789", 10);
    struct output output;

    output_init(&output, 5);
    ck_assert(push(&output, message, 0));
    ck_assert(!push(&output, message, 0));
    output_clear(&output);
    ck_assert(push(&output, message, 0));

    output_clear(&output);
    buffer_unref(message);
}
END_TEST

START_TEST(limit_can_be_reached_exactly)
{
    struct buffer *message = buffer_new("0123456789", 10);
    struct buffer *byte = buffer_new("x", 1);
    struct output output;

    output_init(&output, 20);
    ck_assert(push(&output, message, 0));
    ck_assert(push(&output, message, 0));
    ck_assert(!push(&output, byte, 0));

    output_clear(&output);
    buffer_unref(message);
    buffer_unref(byte);
}
END_TEST

START_TEST(clear_drops_all_references_and_the_queue_goes_on)
{
    struct buffer *message = buffer_new("x", 1);
    struct output output;

    output_init(&output, 100);
    for (int i = 0; i < 20; i++)
        ck_assert(push(&output, message, 0));
    ck_assert_uint_eq(buffer_references(message), 21);
    output_clear(&output);
    ck_assert_uint_eq(buffer_references(message), 1);
    ck_assert_uint_eq(output.bytes, 0);
    ck_assert(push(&output, message, 0));

    output_clear(&output);
    buffer_unref(message);
}
END_TEST

START_TEST(empty_queue_has_no_memory)
{
    struct buffer *message = buffer_new("x", 1);
    struct output output;

    output_init(&output, 100);
    ck_assert_ptr_null(output.items);
    for (int round = 0; round < 2; round++) {
        ck_assert(push(&output, message, 0));
        ck_assert_ptr_nonnull(output.items);
        output_shift(&output);
        ck_assert_ptr_null(output.items);
    }

    buffer_unref(message);
}
END_TEST

/* Two in, one out: the ring wraps around and grows in the middle of it. */
START_TEST(order_survives_wrapping_and_growing)
{
    struct buffer *message = buffer_new("x", 1);
    struct output output;
    uint64_t pushed = 0;
    uint64_t shifted = 0;

    output_init(&output, 1000);
    while (pushed < 200) {
        ck_assert(push(&output, message, pushed++));
        ck_assert(push(&output, message, pushed++));
        ck_assert_ptr_eq(output_front(&output)->frame, message);
        ck_assert_uint_eq(output_front(&output)->id.ms, shifted++);
        output_shift(&output);
    }
    while (output_front(&output) != NULL) {
        ck_assert_uint_eq(output_front(&output)->id.ms, shifted++);
        output_shift(&output);
    }
    ck_assert_uint_eq(shifted, pushed);

    buffer_unref(message);
}
END_TEST

/* A model of the queue: what went in and did not come out yet, from `first` on. */
struct model {
    size_t lens[20000];
    unsigned first;
    unsigned end;
    size_t bytes;
};

static void push_random(struct output *output, struct model *model, unsigned longest)
{
    static const char BYTES[300];
    size_t len = 1 + random_below(longest);
    bool fits = model->first == model->end || model->bytes + len <= output->limit;
    struct buffer *frame = buffer_new(BYTES, len);

    ck_assert_int_eq(push(output, frame, model->end + 1), fits);
    buffer_unref(frame);
    if (!fits)
        return;
    model->lens[model->end++] = len;
    model->bytes += len;
}

static void shift_one(struct output *output, struct model *model)
{
    const struct output_item *item = output_front(output);

    if (model->first == model->end) {
        ck_assert_ptr_null(item);
        return;
    }
    ck_assert_uint_eq(item->id.ms, model->first + 1);
    ck_assert_uint_eq(buffer_text(item->frame).len, model->lens[model->first]);
    model->bytes -= model->lens[model->first++];
    output_shift(output);
}

START_TEST(whatever_comes_and_goes_is_in_order_and_within_the_limit)
{
    static struct model model;
    struct output output;

    seed_random();
    output_init(&output, 200);
    for (int i = 0; i < 20000; i++) {
        if (random_below(5) < 2 + (unsigned)i / 100 % 2) /* it fills, and empties */
            push_random(&output, &model, i % 1000 < 10 ? 300 : 9);
        else
            shift_one(&output, &model);
        ck_assert_uint_eq(output.count, model.end - model.first);
        ck_assert_uint_eq(output.messages, output.count);
        ck_assert_uint_eq(output.bytes, model.bytes);
        ck_assert(output.bytes <= output.limit || output.count == 1);
        ck_assert(output.count > 0 || output.items == NULL);
    }
    output_clear(&output);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("output");
    tcase_add_test(tests, what_was_pushed_comes_out_in_order_with_its_id);
    tcase_add_test(tests, full_queue_refuses_and_keeps_no_reference);
    tcase_add_test(tests, one_frame_always_fits);
    tcase_add_test(tests, limit_can_be_reached_exactly);
    tcase_add_test(tests, clear_drops_all_references_and_the_queue_goes_on);
    tcase_add_test(tests, empty_queue_has_no_memory);
    tcase_add_test(tests, order_survives_wrapping_and_growing);
    tcase_add_test(tests, whatever_comes_and_goes_is_in_order_and_within_the_limit);
    return unit_run("output", tests);
}
