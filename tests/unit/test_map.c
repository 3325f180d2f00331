#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "unit.h"

#define MANY 5000

static struct text numbered(char space[16], size_t number)
{
    int len = snprintf(space, 16, "user-%zu", number);
    return (struct text){space, (size_t)len};
}

START_TEST(what_was_set_is_found_replaced_and_removed)
{
    struct map *map = map_new();
    int one = 1;
    int two = 2;

    ck_assert_ptr_null(map_get(map, TEXT("a")));
    ck_assert_ptr_null(map_remove(map, TEXT("a")));
    map_set(map, TEXT("a"), &one);
    ck_assert_ptr_eq(map_get(map, TEXT("a")), &one);
    map_set(map, TEXT("a"), &two);
    ck_assert_uint_eq(map_size(map), 1);
    ck_assert_ptr_eq(map_remove(map, TEXT("a")), &two);
    ck_assert_ptr_null(map_get(map, TEXT("a")));
    ck_assert_uint_eq(map_size(map), 0);
    map_set(map, TEXT("a"), &one); /* an emptied map goes on */
    ck_assert_ptr_eq(map_get(map, TEXT("a")), &one);
    map_free(map);
    map_free(NULL);
}
END_TEST

START_TEST(keys_are_any_bytes_and_copied)
{
    struct map *map = map_new();
    int values[4];
    char key[] = "key";

    map_set(map, (struct text){0}, &values[0]);
    map_set(map, TEXT("a"), &values[1]);
    map_set(map, TEXT("a\0"), &values[2]);
    map_set(map, text_of(key), &values[3]);
    key[0] = 'K';
    ck_assert_ptr_eq(map_get(map, TEXT("")), &values[0]);
    ck_assert_ptr_eq(map_get(map, TEXT("a")), &values[1]);
    ck_assert_ptr_eq(map_get(map, TEXT("a\0")), &values[2]);
    ck_assert_ptr_eq(map_get(map, TEXT("key")), &values[3]);
    ck_assert_ptr_null(map_get(map, text_of(key)));
    map_free(map);
}
END_TEST

START_TEST(many_keys_are_all_found)
{
    static int values[MANY];
    struct map *map = map_new();
    char space[16];

    for (size_t i = 0; i < MANY; i++)
        map_set(map, numbered(space, i), &values[i]);
    ck_assert_uint_eq(map_size(map), MANY);
    for (size_t i = 0; i < MANY; i += 2)
        ck_assert_ptr_eq(map_remove(map, numbered(space, i)), &values[i]);
    ck_assert_uint_eq(map_size(map), MANY / 2);
    for (size_t i = 0; i < MANY; i++)
        ck_assert_ptr_eq(map_get(map, numbered(space, i)), i % 2 == 0 ? NULL : &values[i]);
    map_free(map);
}
END_TEST

struct visit {
    struct map *map;
    size_t visited;
};

static void count_and_remove(void *arg, struct text key, void *value)
{
    struct visit *visit = arg;
    unsigned *seen = value;

    visit->visited++;
    (*seen)++;
    if (key.at[key.len - 1] % 2 == 1)
        ck_assert_ptr_eq(map_remove(visit->map, key), value);
}

START_TEST(each_visits_every_entry_once_and_may_remove_it)
{
    unsigned seen[100] = {0};
    struct visit visit = {.map = map_new()};
    char space[16];

    for (size_t i = 0; i < 100; i++)
        map_set(visit.map, numbered(space, i), &seen[i]);
    map_each(visit.map, count_and_remove, &visit);
    ck_assert_uint_eq(visit.visited, 100);
    for (size_t i = 0; i < 100; i++)
        ck_assert_uint_eq(seen[i], 1);
    ck_assert_uint_eq(map_size(visit.map), 50);
    map_free(visit.map);
}
END_TEST

/* The key 00 01 .. 0f and messages 00 01 .. as in the paper's appendix A, whose example is the one
 * of 15 bytes; the others are the reference implementation's vectors for the edges of a word. */
START_TEST(siphash_gives_the_published_values)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
        {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}, {16, 0x3f2acc7f57c29bdb},
    };
    uint8_t bytes[16];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        ck_assert_uint_eq(map_siphash(bytes, bytes, vectors[i].len), vectors[i].hash);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("map");
    tcase_add_test(tests, what_was_set_is_found_replaced_and_removed);
    tcase_add_test(tests, keys_are_any_bytes_and_copied);
    tcase_add_test(tests, many_keys_are_all_found);
    tcase_add_test(tests, each_visits_every_entry_once_and_may_remove_it);
    tcase_add_test(tests, siphash_gives_the_published_values);
    return unit_run("map", tests);
}
