/* SPDX-License-Identifier: MIT */
/* What the quota script's answers may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/quota_script.h"

#include <hiredis/hiredis.h>

enum { NUMBERS = 18 };

/* Whether an answer of so many numbers, all 1 but the one at `place`, is believed. */
static bool believes(size_t count, size_t place, long long number, int type)
{
    redisReply elements[NUMBERS + 1] = {{0}}, *pointers[NUMBERS + 1];
    struct lease_grant lease;
    struct prepaid_grant prepaid;
    for (size_t i = 0; i < count; i++) {
        elements[i].type = i == place ? type : REDIS_REPLY_INTEGER;
        elements[i].integer = i == place ? number : 1;
        pointers[i] = &elements[i];
    }
    redisReply reply = {.type = REDIS_REPLY_ARRAY, .elements = count, .element = pointers};
    return quota_script_read(&reply, &lease, &prepaid);
}

static void numbers_that_no_script_makes_are_not_believed(void **state)
{
    (void)state;
    for (size_t place = 1; place < NUMBERS; place++) {
        assert_true(believes(NUMBERS, place, 0, REDIS_REPLY_INTEGER));
        assert_true(believes(NUMBERS, place, 1LL << 53, REDIS_REPLY_INTEGER));
        assert_false(believes(NUMBERS, place, (1LL << 53) + 1, REDIS_REPLY_INTEGER));
        assert_false(believes(NUMBERS, place, INT64_MAX, REDIS_REPLY_INTEGER));
        assert_false(believes(NUMBERS, place, -1, REDIS_REPLY_INTEGER));
        assert_false(believes(NUMBERS, place, 1, REDIS_REPLY_STRING));
    }
}

static void answers_of_another_form_are_not_believed(void **state)
{
    struct lease_grant lease;
    struct prepaid_grant prepaid;
    redisReply text = {.type = REDIS_REPLY_STATUS};
    (void)state;
    assert_true(believes(NUMBERS, NUMBERS, 0, REDIS_REPLY_INTEGER));
    assert_false(believes(NUMBERS, 0, 2, REDIS_REPLY_INTEGER));
    assert_false(believes(NUMBERS - 1, NUMBERS, 0, REDIS_REPLY_INTEGER));
    assert_false(believes(NUMBERS + 1, NUMBERS + 1, 0, REDIS_REPLY_INTEGER));
    assert_false(quota_script_read(&text, &lease, &prepaid));
    assert_false(quota_script_read(NULL, &lease, &prepaid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_no_script_makes_are_not_believed),
        cmocka_unit_test(answers_of_another_form_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
