/* SPDX-License-Identifier: MIT */
/* Time that runs, stands, is moved, and follows a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void seconds_are_rounded_up(void **state)
{
    (void)state;
    static const int64_t ROWS[][2] = {
        {INT64_MIN, 0},
        {-1, 0},
        {0, 0},
        {1, 1},
        {999999, 1},
        {1000000, 1},
        {1000001, 2},
        {59999999, 60},
        {CLOCK_DAY, 86400},
        {INT64_MAX, INT64_MAX / 1000000 + 1},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        assert_true(clock_seconds_up(ROWS[i][0]) == ROWS[i][1]);
}

static void runs_forward_from_today(void **state)
{
    (void)state;
    struct clock *clock = clock_new();
    int64_t before = (int64_t)time(NULL) - 1; /* time() may lag by a tick */
    int64_t wall_us = clock_wall(clock);
    assert_true(wall_us >= before * CLOCK_SECOND && wall_us <= ((int64_t)time(NULL) + 2) * CLOCK_SECOND);
    int64_t last_us = clock_now(clock);
    for (int i = 0; i < 10000; i++) {
        int64_t now_us = clock_now(clock);
        assert_true(now_us >= last_us);
        last_us = now_us;
    }
    clock_free(clock);
    clock_free(NULL);
}

static void a_frozen_clock_moves_when_told(void **state)
{
    (void)state;
    assert_true(clock_is_movable());
    struct clock *clock = clock_new();
    clock_freeze(clock);
    int64_t now_us = clock_now(clock), wall_us = clock_wall(clock);
    clock_freeze(clock); /* again: nothing changes */
    assert_true(clock_now(clock) == now_us && clock_wall(clock) == wall_us);
    clock_move(clock, 90 * CLOCK_SECOND);
    clock_move(clock, 1);
    assert_true(clock_now(clock) == now_us + 90 * CLOCK_SECOND + 1);
    assert_true(clock_wall(clock) == wall_us + 90 * CLOCK_SECOND + 1);
    clock_free(clock);
}

static void a_running_clock_can_be_moved(void **state)
{
    (void)state;
    struct clock *clock = clock_new();
    int64_t now_us = clock_now(clock), wall_us = clock_wall(clock);
    clock_move(clock, 5 * CLOCK_DAY);
    assert_true(clock_now(clock) >= now_us + 5 * CLOCK_DAY && clock_now(clock) < now_us + 6 * CLOCK_DAY);
    assert_true(clock_wall(clock) >= wall_us + 5 * CLOCK_DAY && clock_wall(clock) < wall_us + 6 * CLOCK_DAY);
    clock_free(clock);
}

static void a_file_moves_the_clock(void **state)
{
    (void)state;
    char path[] = "/tmp/nexgate-clock-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    struct clock *clock = clock_new();
    assert_int_equal(pwrite(descriptor, "1234567", 7, 0), 7);
    assert_false(clock_follow(clock, path)); /* still too short for a number */
    int64_t offset_us = 10 * CLOCK_DAY;
    assert_int_equal(pwrite(descriptor, &offset_us, sizeof(offset_us), 0), sizeof(offset_us));
    int64_t now_us = clock_now(clock), wall_us = clock_wall(clock);
    assert_true(clock_follow(clock, path));
    assert_true(clock_now(clock) >= now_us + offset_us && clock_now(clock) < now_us + offset_us + CLOCK_DAY);
    offset_us = 20 * CLOCK_DAY;
    assert_int_equal(pwrite(descriptor, &offset_us, sizeof(offset_us), 0), sizeof(offset_us));
    assert_true(clock_now(clock) >= now_us + offset_us && clock_wall(clock) >= wall_us + offset_us);
    close(descriptor);
    unlink(path);
    clock_free(clock);
}

static void a_file_that_is_not_there_is_not_followed(void **state)
{
    (void)state;
    struct clock *clock = clock_new();
    assert_false(clock_follow(clock, "/nonexistent/clock"));
    clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_are_rounded_up),         cmocka_unit_test(runs_forward_from_today),
        cmocka_unit_test(a_frozen_clock_moves_when_told), cmocka_unit_test(a_running_clock_can_be_moved),
        cmocka_unit_test(a_file_moves_the_clock),         cmocka_unit_test(a_file_that_is_not_there_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
