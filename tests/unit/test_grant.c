/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "upstream/grant.h"
#include "upstream/token.h"

static void forms_escape_what_they_carry(void **state)
{
    struct buf form;

    (void)state;
    grant_password_form(&form, "a+b@c.d", "p&=% \xc3\xa4", "012345");
    assert_true(buf_ok(&form));
    assert_true(slice_is(buf_slice(&form),
                         "grant_type=password&username=a%2Bb%40c.d&password=p%26%3D%25%20%C3%A4&totp=012345"));
    grant_wipe(&form);

    grant_password_form(&form, "u", "p", NULL);
    assert_true(slice_is(buf_slice(&form), "grant_type=password&username=u&password=p"));
    grant_wipe(&form);

    grant_refresh_form(&form, slice_of("r/t="));
    assert_true(slice_is(buf_slice(&form), "grant_type=refresh_token&refresh_token=r%2Ft%3D"));
    grant_wipe(&form);
}

/* Every byte escaped: the room that was taken at once is enough. */
static void the_longest_form_fits(void **state)
{
    static char password[1000];
    struct buf form;

    (void)state;
    memset(password, '%', sizeof password - 1);
    grant_password_form(&form, password, password, "999999");
    assert_true(buf_ok(&form));
    assert_true(form.length > 3 * 2 * (sizeof password - 1));
    assert_true(form.length <= form.capacity);
    grant_wipe(&form);
    assert_null(form.bytes);
}

#define HEAD "{\"access_token\":\"abc.DEF-123_~\",\"token_type\":\"bearer\""

static void answers_are_read(void **state)
{
    static const struct {
        const char *body, *access, *refresh; /* access NULL: not usable */
        int64_t lifetime_s;
    } rows[] = {
        {HEAD ",\"expires_in\":604799,\"refresh_token\":\"r1\"}", "abc.DEF-123_~", "r1", 604799},
        {HEAD ",\"expires_in\":\"3600\"}", "abc.DEF-123_~", "", 3600},
        {HEAD ",\"expires_in\":3600.9}", "abc.DEF-123_~", "", 3600},
        {HEAD ",\"expires_in\":1e9}", "abc.DEF-123_~", "", GRANT_LIFETIME_MAX_SECONDS},
        {HEAD ",\"expires_in\":99999999999999999999}", "abc.DEF-123_~", "", GRANT_LIFETIME_MAX_SECONDS},
        {HEAD "}", "abc.DEF-123_~", "", GRANT_LIFETIME_DEFAULT_SECONDS},
        {HEAD ",\"expires_in\":null,\"refresh_token\":null}", "abc.DEF-123_~", "", GRANT_LIFETIME_DEFAULT_SECONDS},
        {HEAD ",\"other\":[1,{\"x\":123456789012345678901234567890}]}", "abc.DEF-123_~", "",
         GRANT_LIFETIME_DEFAULT_SECONDS},
        {HEAD ",\"refresh_token\":\"has blank\"}", "abc.DEF-123_~", "", GRANT_LIFETIME_DEFAULT_SECONDS},
        {HEAD ",\"refresh_token\":\"\"}", "abc.DEF-123_~", "", GRANT_LIFETIME_DEFAULT_SECONDS},
        {HEAD ",\"refresh_token\":7}", "abc.DEF-123_~", "", GRANT_LIFETIME_DEFAULT_SECONDS},
        {"{\"access_token\":\"x\",\"token_type\":\"BeArEr\"}", "x", "", GRANT_LIFETIME_DEFAULT_SECONDS},
        {HEAD ",\"expires_in\":0}", NULL, NULL, 0},
        {HEAD ",\"expires_in\":-1}", NULL, NULL, 0},
        {HEAD ",\"expires_in\":604e-99}", NULL, NULL, 0},
        {HEAD ",\"expires_in\":\"soon\"}", NULL, NULL, 0},
        {HEAD ",\"expires_in\":\"\"}", NULL, NULL, 0},
        {HEAD ",\"expires_in\":true}", NULL, NULL, 0},
        {HEAD ",\"expires_in\":[1]}", NULL, NULL, 0},
        {HEAD ",\"access_token\":\"second\"}", NULL, NULL, 0},
        {"{\"access_token\":\"x\",\"token_type\":\"mac\"}", NULL, NULL, 0},
        {"{\"access_token\":\"x\"}", NULL, NULL, 0},
        {"{\"access_token\":\"x\",\"token_type\":1}", NULL, NULL, 0},
        {"{\"access_token\":\"\",\"token_type\":\"bearer\"}", NULL, NULL, 0},
        {"{\"access_token\":\"a b\",\"token_type\":\"bearer\"}", NULL, NULL, 0},
        {"{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"bearer\"}", NULL, NULL, 0},
        {"{\"access_token\":\"a\\u0000b\",\"token_type\":\"bearer\"}", NULL, NULL, 0},
        {"{\"access_token\":\"\\u00e4\",\"token_type\":\"bearer\"}", NULL, NULL, 0},
        {"{\"access_token\":\"a\\u007f\",\"token_type\":\"bearer\"}", NULL, NULL, 0},
        {"{\"access_token\":[\"x\"],\"token_type\":\"bearer\"}", NULL, NULL, 0},
        {"{\"token_type\":\"bearer\"}", NULL, NULL, 0},
        {"[" HEAD "}]", NULL, NULL, 0},
        {"\"token\"", NULL, NULL, 0},
        {"<html></html>", NULL, NULL, 0},
        {HEAD, NULL, NULL, 0},
        {HEAD "} trailing", NULL, NULL, 0},
        {"", NULL, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct grant grant;
        const char *why = NULL;
        bool good = grant_read(slice_of(rows[i].body), &grant, &why);
        if (good != (rows[i].access != NULL))
            fail_msg("row %zu: %s", i, rows[i].body);
        if (!good) {
            assert_non_null(why);
            assert_null(grant.access_token.bytes);
            continue;
        }
        assert_true(slice_is(buf_slice(&grant.access_token), rows[i].access));
        assert_true(slice_is(buf_slice(&grant.refresh_token), rows[i].refresh));
        assert_int_equal(grant.lifetime_us / CLOCK_SECOND, rows[i].lifetime_s);
        grant_free(&grant);
    }
}

static void a_token_has_a_length(void **state)
{
    (void)state;
    for (size_t length = TOKEN_MAX - 1; length <= TOKEN_MAX + 1; length++) {
        struct buf body;
        struct grant grant;
        const char *why;
        buf_init(&body, 2 * TOKEN_MAX);
        buf_add_text(&body, "{\"token_type\":\"bearer\",\"access_token\":\"");
        for (size_t i = 0; i < length; i++)
            buf_add_char(&body, 'x');
        buf_add_text(&body, "\"}");
        assert_int_equal(grant_read(buf_slice(&body), &grant, &why), length <= TOKEN_MAX);
        grant_free(&grant);
        buf_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_escape_what_they_carry),
        cmocka_unit_test(the_longest_form_fits),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(a_token_has_a_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
