/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/redis_url.h"

#include <stdio.h>

static void accepts(const char *text, const char *expected)
{
    struct redis_url url;
    char why[REDIS_URL_WHY_MAX], got[400];
    bool read = redis_url_read(slice_of(text), &url, why);
    if (!read)
        fail_msg("%s: %s", text, why);
    size_t length = (size_t)snprintf(got, sizeof got, "%d", (int)url.kind);
    for (size_t i = 0; i < url.host_count; i++)
        length += (size_t)snprintf(got + length, sizeof got - length, " %s|%d", url.hosts[i].name, url.hosts[i].port);
    snprintf(got + length, sizeof got - length, " path=%s user=%s password=%s master=%s db=%d",
             url.path != NULL ? url.path : "", url.user != NULL ? url.user : "",
             url.password != NULL ? url.password : "", url.master != NULL ? url.master : "", url.database);
    assert_string_equal(got, expected);
    redis_url_free(&url);
}

static void good_ones_are_read(void **state)
{
    (void)state;
    accepts("redis://h", "0 h|6379 path= user= password= master= db=0");
    accepts("redis://h/", "0 h|6379 path= user= password= master= db=0");
    accepts("REDIS://h:1/15", "0 h|1 path= user= password= master= db=15");
    accepts("redis://h?db=3", "0 h|6379 path= user= password= master= db=3");
    accepts("redis://:p@h", "0 h|6379 path= user= password=p master= db=0");
    accepts("redis://u:p:q@r@h:65535", "0 h|65535 path= user=u password=p:q@r master= db=0");
    accepts("redis://u%40:%2f%3F+%25@[::1]:7", "0 ::1|7 path= user=u@ password=/?+% master= db=0");
    accepts("redis://[fe80::1]", "0 fe80::1|6379 path= user= password= master= db=0");
    accepts("unix:/run/r.sock", "1 path=/run/r.sock user= password= master= db=0");
    accepts("unix:/run/r%20x.sock?db=2", "1 path=/run/r x.sock user= password= master= db=2");
    accepts("unix://u:p@/run/r.sock", "1 path=/run/r.sock user=u password=p master= db=0");
    accepts("redis+cluster://a,b:2,c", "2 a|6379 b|2 c|6379 path= user= password= master= db=0");
    accepts("redis+cluster://:p@a/0", "2 a|6379 path= user= password=p master= db=0");
    accepts("redis+sentinel://a,b:2/mine?db=4", "3 a|26379 b|2 path= user= password= master=mine db=4");
}

/* Whatever is wrong, nothing of it is repeated: each of these holds a password. */
static void bad_ones_are_refused_without_their_words(void **state)
{
    static const char *const BAD[] = {
        "",
        "sesame",
        "http://u:sesame@h",
        "rediss://u:sesame@h",
        "redis:/u:sesame@h",
        "redis://u:sesame@",
        "redis://u:sesame@h:0",
        "redis://u:sesame@h:65536",
        "redis://u:sesame@h:6379x",
        "redis://u:sesame@h:",
        "redis://u:sesame",
        "redis://sesame@h",
        "redis://u:@h",
        "redis://u:sesame%0@h",
        "redis://u:sesame%00@h",
        "redis://u:sesame%zz@h",
        "redis://u:sesame@h,i",
        "redis://u:sesame@h/x",
        "redis://u:sesame@h/-1",
        "redis://u:sesame@h/1000000",
        "redis://u:sesame@h/0?x=1",
        "redis://u:sesame@h?db=",
        "redis://u:sesame@h/1?db=2",
        "redis://u:sesame@h/1?db=1",
        "redis://u:ses ame@h",
        "redis://u:sesame\x01@h",
        "redis://u:sesame@[::1",
        "redis://u:sesame@[::1]x",
        "redis://u:sesame@[]",
        "redis://u:sesame@a/b@c",
        "unix:sesame",
        "unix:",
        "unix:/",
        "unix:/sesame?d=1",
        "unix:/sesame/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
        "0123456789/0123456789",
        "redis+cluster://u:sesame@a,b/1",
        "redis+cluster://u:sesame@a,,b",
        "redis+cluster://u:sesame@a,",
        "redis+cluster://u:sesame@a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a",
        "redis+sentinel://u:sesame@a",
        "redis+sentinel://u:sesame@a/",
        "redis+sentinel://u:sesame@a/b c",
        "redis+sentinel://u:sesame@a/b/c",
    };
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct redis_url url;
        char why[REDIS_URL_WHY_MAX];
        if (redis_url_read(slice_of(BAD[i]), &url, why))
            fail_msg("%s was taken", BAD[i]);
        assert_true(strlen(why) > 10);
        assert_null(strstr(why, "ses"));
        redis_url_free(&url);
    }
}

static void a_long_one_is_refused(void **state)
{
    struct redis_url url;
    char why[REDIS_URL_WHY_MAX], text[REDIS_URL_MAX + 2];
    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "redis://", 8);
    assert_false(redis_url_read(slice_make(text, sizeof text), &url, why));
    redis_url_free(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_read),
        cmocka_unit_test(bad_ones_are_refused_without_their_words),
        cmocka_unit_test(a_long_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
