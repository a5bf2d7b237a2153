/* SPDX-License-Identifier: MIT */
/* The heap of timers: places count from 1, the parent of place p is p / 2, and place 0 means "not started". */
#include "io/timers.h"

#include <assert.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

static void set(struct timer_heap *heap, size_t position, struct timer *timer)
{
    heap->slots[position] = timer;
    timer->position = position;
}

static void sift_up(struct timer_heap *heap, struct timer *timer)
{
    size_t position = timer->position;

    while (position > 1 && heap->slots[position / 2]->at_us > timer->at_us) {
        set(heap, position, heap->slots[position / 2]);
        position /= 2;
    }
    set(heap, position, timer);
}

static void sift_down(struct timer_heap *heap, struct timer *timer)
{
    size_t position = timer->position;

    for (;;) {
        size_t child = position * 2;
        if (child > heap->count)
            break;
        if (child < heap->count && heap->slots[child + 1]->at_us < heap->slots[child]->at_us)
            child++;
        if (heap->slots[child]->at_us >= timer->at_us)
            break;
        set(heap, position, heap->slots[child]);
        position = child;
    }
    set(heap, position, timer);
}

static void settle(struct timer_heap *heap, struct timer *timer)
{
    sift_up(heap, timer);
    sift_down(heap, timer);
}

static void make_room(struct timer_heap *heap)
{
    if (heap->count + 1 < heap->capacity)
        return;
    size_t capacity = heap->capacity == 0 ? FIRST_CAPACITY : heap->capacity * 2;
    struct timer **slots = mem_new(capacity * sizeof *slots);
    if (heap->slots != NULL)
        memcpy(slots, heap->slots, heap->capacity * sizeof *slots);
    mem_free(heap->slots);
    heap->slots = slots;
    heap->capacity = capacity;
}

void timer_heap_free(struct timer_heap *heap)
{
    mem_free(heap->slots);
    *heap = (struct timer_heap){0};
}

void timer_heap_put(struct timer_heap *heap, struct timer *timer, int64_t at_us)
{
    timer->at_us = at_us;
    if (timer->position == 0) {
        make_room(heap);
        heap->count++;
        set(heap, heap->count, timer);
    }
    settle(heap, timer);
}

void timer_heap_remove(struct timer_heap *heap, struct timer *timer)
{
    size_t position = timer->position;
    assert(position > 0 && position <= heap->count && heap->slots[position] == timer);

    struct timer *last = heap->slots[heap->count--];
    timer->position = 0;
    if (last == timer)
        return;
    set(heap, position, last);
    settle(heap, last);
}

struct timer *timer_heap_first(const struct timer_heap *heap)
{
    return heap->count == 0 ? NULL : heap->slots[1];
}
