/* SPDX-License-Identifier: MIT */
/* Memory: the one place that allocates. Objects of our own size abort when memory is out; whatever is sized by
 * a peer, or made by a reload, goes through mem_try_* and its failure is handled. Any thread. */
#ifndef NEXGATE_BASE_MEM_H
#define NEXGATE_BASE_MEM_H

#include "base/slice.h"

#define MUST_CHECK __attribute__((warn_unused_result))

enum {
    MEM_MAPS_MAX = 16384, /* a quarter of what Linux allows a process (vm.max_map_count) */
    MEM_KEPT_BYTES = 1024 * 1024,
    MEM_MAPPED_BYTES = 4 * 1024 * 1024 /* larger blocks are the kernel's again as soon as they are freed */
};

/* Zeroed memory for an object of our own size; never NULL (aborts). */
void *mem_new(size_t size) __attribute__((malloc, returns_nonnull));

/* Uninitialised memory whose size others chose, or that can be done without; NULL when it cannot be had. */
void *mem_try_new(size_t size) MUST_CHECK;

/* The same, zeroed. */
void *mem_try_zeroed(size_t size) MUST_CHECK;

/* A NUL-terminated copy, or NULL when it cannot be had. */
char *mem_try_copy(struct slice text) MUST_CHECK;

/* Grows or shrinks `old` (may be NULL); on failure NULL, and `old` stays valid. */
void *mem_try_resize(void *old, size_t size) MUST_CHECK;

/* A NUL-terminated copy of `length` bytes; never NULL (aborts). For what a start is given, not for peers' bytes. */
char *mem_copy_text(const char *bytes, size_t length) __attribute__((malloc, returns_nonnull));

/* Frees what any of the above gave; NULL is fine. */
void mem_free(void *memory);

/* From now on what is freed is kept for what comes next, up to MEM_KEPT_BYTES a thread, instead of being given back to
 * the kernel and fetched anew, page by page, with every batch of answers. Once, before there are threads. */
void mem_keep_freed(void);

/* Gives the kernel back what the calling thread keeps at the end of its heap, but for the C library's own 128 kB. */
void mem_trim_end(void);

/* Gives the kernel back the pages that lie free between blocks, in the heaps of all threads. On any thread; the others
 * wait if they want memory while their own heap is looked at, some hundred µs. */
void mem_trim_holes(void);

/* Pages of their own for what is large and lives long, given back to the kernel as they are: blocks that come and go in
 * all sizes leave the heap full of holes that fit nothing. NULL when there are none, or MEM_MAPS_MAX are in use (the
 * kernel counts each), and where a sanitizer is to watch every byte: then the heap must do. `size` is above 0; give the
 * same to mem_unmap. */
void *mem_try_map(size_t size) MUST_CHECK;
void mem_unmap(void *memory, size_t size);

/* What a mapping of `size` bytes takes. */
size_t mem_mapped_bytes(size_t size);

/* Overwrites a secret in a way the compiler may not remove. */
void mem_wipe(void *memory, size_t size);

/* True when both runs of bytes are equal; the time taken depends on `size` only. */
int mem_equal_secret(const void *a, const void *b, size_t size);

#ifdef NEXGATE_FAILING_MEMORY
/* From now on each mem_try_* counts down the native int64_t that stands in the first 8 bytes of a file (which is
 * mapped); the one that brings it to 0 fails. Where the next 8 bytes are not 0, mem_new counts too, and aborts. False
 * when it cannot be mapped. Once, before there are threads; the release build has no such door. */
bool mem_follow(const char *path) MUST_CHECK;
#endif

/* The object that embeds `member` at `pointer`. */
#define MEM_OUTER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
