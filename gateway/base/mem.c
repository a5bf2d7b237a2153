/* SPDX-License-Identifier: MIT */
/* The one place that allocates. Must not know what is kept. */
#include "base/mem.h"

#include <assert.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef NEXGATE_FAILING_MEMORY
#include <fcntl.h>

/* What lies in the followed file. */
struct door {
    atomic_int_least64_t tries_left;
    atomic_int_least64_t counts_objects;
};

static struct door *door; /* NULL: nothing fails on purpose */

bool mem_follow(const char *path)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    void *page = mmap(NULL, sizeof *door, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (page == MAP_FAILED)
        return false;
    door = page;
    return true;
}

static bool fails_on_purpose(void)
{
    return door != NULL && atomic_load(&door->tries_left) > 0 && atomic_fetch_sub(&door->tries_left, 1) == 1;
}

static bool object_fails_on_purpose(void)
{
    return door != NULL && atomic_load(&door->counts_objects) != 0 && fails_on_purpose();
}
#else
static bool fails_on_purpose(void)
{
    return false;
}

static bool object_fails_on_purpose(void)
{
    return false;
}
#endif

/* An object of our own size cannot be had: nothing sensible is left to do. */
static void die(size_t size) __attribute__((noreturn));
static void die(size_t size)
{
    fprintf(stderr, "nexgate: out of memory (%zu bytes)\n", size);
    abort();
}

void *mem_new(size_t size)
{
    void *memory = object_fails_on_purpose() ? NULL : calloc(1, size > 0 ? size : 1);
    if (memory == NULL)
        die(size);
    return memory;
}

void *mem_try_zeroed(size_t size)
{
    return fails_on_purpose() ? NULL : calloc(1, size > 0 ? size : 1);
}

void *mem_try_new(size_t size)
{
    return fails_on_purpose() ? NULL : malloc(size > 0 ? size : 1);
}

void *mem_try_resize(void *old, size_t size)
{
    return fails_on_purpose() ? NULL : realloc(old, size > 0 ? size : 1);
}

static char *put_text(char *room, struct slice text)
{
    if (text.length > 0)
        memcpy(room, text.at, text.length);
    room[text.length] = '\0';
    return room;
}

char *mem_copy_text(const char *bytes, size_t length)
{
    return put_text(mem_new(length + 1), slice_make(bytes, length));
}

char *mem_try_copy(struct slice text)
{
    char *copy = mem_try_new(text.length + 1);
    return copy != NULL ? put_text(copy, text) : NULL;
}

void mem_free(void *memory)
{
    free(memory);
}

void mem_keep_freed(void)
{
#ifdef __GLIBC__
    /* Both or neither: naming one ends glibc's own adjustment of the other. */
    if (mallopt(M_MMAP_THRESHOLD, MEM_MAPPED_BYTES) == 1)
        mallopt(M_TRIM_THRESHOLD, MEM_KEPT_BYTES);
#endif
}

void mem_trim_end(void)
{
#ifdef __GLIBC__
    /* Never written to, so that no page is fetched for it: when it is freed, the free end is longer than what is kept,
     * and only then does the C library look. */
    void *volatile end = malloc(MEM_KEPT_BYTES);
    free(end);
#endif
}

void mem_trim_holes(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#endif
#ifndef WATCHED
#define WATCHED 0
#endif

static atomic_size_t maps;

size_t mem_mapped_bytes(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

void *mem_try_map(size_t size)
{
    if (WATCHED || fails_on_purpose())
        return NULL;
    void *memory = MAP_FAILED;
    if (atomic_fetch_add(&maps, 1) < MEM_MAPS_MAX)
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        atomic_fetch_sub(&maps, 1);
        return NULL;
    }
    return memory;
}

void mem_unmap(void *memory, size_t size)
{
    int failed = munmap(memory, size);
    assert(failed == 0);
    atomic_fetch_sub(&maps, 1);
}

void mem_wipe(void *memory, size_t size)
{
    OPENSSL_cleanse(memory, size);
}

int mem_equal_secret(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
