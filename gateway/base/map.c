#include "base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define uthash_malloc(size) memory_alloc(size)
#define uthash_fatal(message) abort()
#include <uthash.h>

struct entry {
    UT_hash_handle hh;
    void *value;
    char key[];
};

struct map {
    struct entry *entries; /* uthash's head; NULL while empty */
    uint8_t hash_key[16];
};

/* The four words of SipHash's state. */
struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

/* Two rounds for each word of the message: the 2 in SipHash-2-4. */
static void sip_absorb(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

/* Up to eight bytes, the first one lowest. */
static uint64_t little_endian(const uint8_t *bytes, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t map_siphash(const uint8_t key[16], const void *data, size_t len)
{
    uint64_t k0 = little_endian(key, 8);
    uint64_t k1 = little_endian(key + 8, 8);
    struct sip s = {
        /* "somepseudorandomlygeneratedbytes" */
        .v0 = k0 ^ 0x736f6d6570736575,
        .v1 = k1 ^ 0x646f72616e646f6d,
        .v2 = k0 ^ 0x6c7967656e657261,
        .v3 = k1 ^ 0x7465646279746573,
    };
    const uint8_t *bytes = data;
    size_t left = len;

    for (; left >= 8; left -= 8, bytes += 8)
        sip_absorb(&s, little_endian(bytes, 8));
    /* The last word: what is left, and the length modulo 256 on top. */
    sip_absorb(&s, little_endian(bytes, left) | (uint64_t)len << 56);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) /* the 4 in SipHash-2-4 */
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct map *map_new(void)
{
    struct map *map = memory_alloc(sizeof(*map));
    /* It fails for longer requests and without the system call only; a guessable key is worse. */
    if (getentropy(map->hash_key, sizeof(map->hash_key)) != 0)
        abort();
    return map;
}

void map_free(struct map *map)
{
    if (map == NULL)
        return;
    struct entry *entry = map->entries;
    HASH_CLEAR(hh, map->entries); /* frees the table; the entries stay linked */
    while (entry != NULL) {
        struct entry *next = entry->hh.next;
        free(entry);
        entry = next;
    }
    free(map);
}

size_t map_size(const struct map *map)
{
    return HASH_COUNT(map->entries);
}

/* uthash takes 32 bits. */
static unsigned hash_of(const struct map *map, struct text key)
{
    return (unsigned)map_siphash(map->hash_key, key.at, key.len);
}

static struct entry *find(const struct map *map, struct text key, unsigned hash)
{
    struct entry *entry;
    HASH_FIND_BYHASHVALUE(hh, map->entries, key.at, key.len, hash, entry);
    return entry;
}

void *map_get(const struct map *map, struct text key)
{
    struct entry *entry = find(map, key, hash_of(map, key));
    return entry != NULL ? entry->value : NULL;
}

void map_set(struct map *map, struct text key, void *value)
{
    assert(value != NULL);
    unsigned hash = hash_of(map, key);
    struct entry *entry = find(map, key, hash);
    if (entry == NULL) {
        entry = memory_alloc(sizeof(*entry) + key.len);
        if (key.len > 0)
            memcpy(entry->key, key.at, key.len);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, map->entries, entry->key, key.len, hash, entry);
    }
    entry->value = value;
}

void *map_remove(struct map *map, struct text key)
{
    struct entry *entry = find(map, key, hash_of(map, key));
    if (entry == NULL)
        return NULL;
    void *value = entry->value;
    HASH_DEL(map->entries, entry);
    free(entry);
    return value;
}

void map_each(struct map *map, map_visit_cb *visit, void *arg)
{
    struct entry *entry;
    struct entry *next;
    HASH_ITER(hh, map->entries, entry, next)
    visit(arg, (struct text){entry->key, entry->hh.keylen}, entry->value);
}
