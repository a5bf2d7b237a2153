/* SPDX-License-Identifier: MIT */
/* traceparent, to the letter of W3C Trace Context level 1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/trace.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define ZEROS "00000000000000000000000000000000"

static void good_fields_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        "00-" ID "-" PARENT "-01",
        "00-" ID "-" PARENT "-00",
        "00-" ID "-" PARENT "-ff",
        "01-" ID "-" PARENT "-01",
        "01-" ID "-" PARENT "-01-what a later version says",
        "fe-" ID "-" PARENT "-00",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct trace trace;
        assert_true(trace_read(slice_of(good[i]), &trace));
        assert_true(trace.is_there);
        assert_memory_equal(trace.id, ID, TRACE_ID_LENGTH);
        assert_memory_equal(trace.parent, PARENT, TRACE_PARENT_LENGTH);
    }
}

static void others_are_not(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00",
        "00-",
        "00-" ID,
        "00-" ID "-" PARENT,
        "00-" ID "-" PARENT "-",
        "00-" ID "-" PARENT "-0",
        "00-" ID "-" PARENT "-01-",
        "00-" ID "-" PARENT "-01-more",
        "00-" ID "-" PARENT "-011",
        "01-" ID "-" PARENT "-011",
        "ff-" ID "-" PARENT "-01",
        "0x-" ID "-" PARENT "-01",
        "00-" ZEROS "-" PARENT "-01",
        "00-" ID "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-" ID "-00F067AA0BA902B7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-" PARENT "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01",
        "00_" ID "-" PARENT "-01",
        "00-" ID "_" PARENT "-01",
        "00-" ID "-" PARENT "_01",
        " 00-" ID "-" PARENT "-01",
        "00-" ID "-" PARENT "-01, 00-" ID "-" PARENT "-01",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct trace trace;
        assert_false(trace_read(slice_of(bad[i]), &trace));
        assert_false(trace.is_there);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_fields_are_taken),
        cmocka_unit_test(others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
