/* base/map.h: from bytes to a pointer.
 *
 * uthash under SipHash-2-4 with a key drawn at start: user ids are chosen by strangers, who must
 * not be able to choose ids that collide. Keys are copied; values stay the caller's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct map;

struct map *map_new(void);      /* never NULL */
void map_free(struct map *map); /* frees the keys, not the values; NULL is allowed */
size_t map_size(const struct map *map);

void *map_get(const struct map *map, struct text key);       /* NULL when it is not there */
void map_set(struct map *map, struct text key, void *value); /* value: not NULL */
void *map_remove(struct map *map, struct text key);          /* what was there, or NULL */

/* Visits every entry. The visitor may remove the entry it is given, and no other. */
typedef void map_visit_cb(void *arg, struct text key, void *value);
void map_each(struct map *map, map_visit_cb *visit, void *arg);

/* The hash itself (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), here for its
 * test: `key` is 16 bytes. */
uint64_t map_siphash(const uint8_t key[16], const void *data, size_t len);
