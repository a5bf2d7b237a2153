/* SPDX-License-Identifier: MIT */
/* The one keeper of time. */
#include "base/clock.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <time.h>

#ifdef NEXGATE_MOVABLE_CLOCK
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

struct clock {
#ifdef NEXGATE_MOVABLE_CLOCK
    atomic_bool frozen;
    atomic_int_least64_t frozen_now, frozen_wall; /* while frozen */
    atomic_int_least64_t moved;                   /* while not frozen: added by clock_move */
    _Atomic int64_t *followed;                    /* mapped; NULL: none */
#else
    char nothing;
#endif
};

static int64_t read_clock(clockid_t which)
{
    struct timespec time;
    clock_gettime(which, &time);
    return (int64_t)time.tv_sec * CLOCK_SECOND + time.tv_nsec / 1000;
}

struct clock *clock_new(void)
{
    return mem_new(sizeof(struct clock));
}

int64_t clock_seconds_up(int64_t us)
{
    return us <= 0 ? 0 : us / CLOCK_SECOND + (us % CLOCK_SECOND != 0);
}

#ifdef NEXGATE_MOVABLE_CLOCK

void clock_free(struct clock *clock)
{
    if (clock != NULL && clock->followed != NULL)
        munmap((void *)clock->followed, sizeof(int64_t));
    mem_free(clock);
}

bool clock_is_movable(void)
{
    return true;
}

static int64_t offset(const struct clock *clock)
{
    int64_t followed = clock->followed != NULL ? atomic_load(clock->followed) : 0;
    return atomic_load(&clock->moved) + followed;
}

int64_t clock_now(const struct clock *clock)
{
    return atomic_load(&clock->frozen) ? atomic_load(&clock->frozen_now) : read_clock(CLOCK_MONOTONIC) + offset(clock);
}

int64_t clock_wall(const struct clock *clock)
{
    return atomic_load(&clock->frozen) ? atomic_load(&clock->frozen_wall) : read_clock(CLOCK_REALTIME) + offset(clock);
}

void clock_freeze(struct clock *clock)
{
    atomic_store(&clock->frozen_now, clock_now(clock));
    atomic_store(&clock->frozen_wall, clock_wall(clock));
    atomic_store(&clock->frozen, true);
}

void clock_move(struct clock *clock, int64_t us)
{
    if (atomic_load(&clock->frozen)) {
        atomic_fetch_add(&clock->frozen_now, us);
        atomic_fetch_add(&clock->frozen_wall, us);
    } else {
        atomic_fetch_add(&clock->moved, us);
    }
}

bool clock_follow(struct clock *clock, const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool whole = lseek(descriptor, 0, SEEK_END) >= (off_t)sizeof(int64_t);
    void *memory = whole ? mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, descriptor, 0) : MAP_FAILED;
    close(descriptor);
    if (memory == MAP_FAILED)
        return false;
    clock->followed = memory;
    return true;
}

#else

void clock_free(struct clock *clock)
{
    mem_free(clock);
}

bool clock_is_movable(void)
{
    return false;
}

int64_t clock_now(const struct clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall(const struct clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_REALTIME);
}

#endif
