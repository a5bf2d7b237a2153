/* SPDX-License-Identifier: MIT */
/* Contexts of TLS, with tries of OpenSSL's for memory failing once, one after the other: there is none, or a whole one;
 * a reload that fails leaves the one before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/tls_context.h"
#include "unit/tls_bench.h"

enum { TRIES_MAX = 100000, EACH = 100, SOME = 37 /* there are thousands, and many are alike */ };

static int64_t tries_left; /* until the one that fails; 0: none does */

static bool fails(void)
{
    return tries_left > 0 && --tries_left == 0;
}

static void *give(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails() ? NULL : malloc(size);
}

static void *resize(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails() ? NULL : realloc(old, size);
}

static void take(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

static bool is_served(struct tls *tls)
{
    SSL *ssl = tls_make_ssl(tls);
    bool is_whole = ssl != NULL && SSL_get_certificate(ssl) != NULL && SSL_get_privatekey(ssl) != NULL;
    SSL_free(ssl);
    return is_whole;
}

static void tries_fail_once(void **state)
{
    struct identity identity, authority;
    struct tls_error error;
    int64_t failures = 0;
    (void)state;
    identity_make(&identity, "server", NULL);
    identity_make(&authority, "authority", NULL);
    struct tls *kept = identity_serve(&identity, &authority, true);
    const struct tls_options options = {identity.certificate_path, identity.key_path, authority.certificate_path, true};
    for (int64_t nth = 1;; nth += nth < EACH ? 1 : SOME) {
        tries_left = nth;
        bool good = tls_reload(kept, &options, &error);
        bool was_met = tries_left == 0;
        tries_left = 0;
        failures += !good;
        assert_true(is_served(kept));
        if (!good)
            assert_true(error.why[0] != '\0');
        if (!was_met) {
            assert_true(good);
            break;
        }
        assert_true(nth < TRIES_MAX);
    }
    assert_true(failures > 10);
    tls_free(kept);
    identity_free(&identity);
    identity_free(&authority);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tries_fail_once)};
    if (CRYPTO_set_mem_functions(give, resize, take) != 1)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
