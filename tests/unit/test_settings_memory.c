/* SPDX-License-Identifier: MIT */
/* A configuration that uses every room of the settings, read with each of its tries for memory failing once: it is
 * refused, and the reason is said. An object that mem_new makes on this way would end the process, and so this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "settings.h"
#include "unit/tls_bench.h"

#include <jansson.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { TRIES_MAX = 20000 };

static const char CONFIGURATION[] =
    "[server]\nlisten = 127.0.0.1:0, unix:%s/socket\ntls_listen = 127.0.0.1:0\ntls_certificate = %s\ntls_key = %s\n"
    "admin_key = sha256:%064d\nentities = %s\n"
    "[nexudus]\nusername = ${USER_OF_TEST}\npassword_file = %s/secret\ntotp_secret = JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n"
    "[redis]\nurl = redis+sentinel://u:p%%40@one:1,two:2/master\nquota_url = unix:/run/redis.sock\ntoken_key = %064d\n"
    "[client a]\nkey = sha256:%064d, sha256:%064d\ncert = sha256:%064d\nbusinesses = 3, 1, 2\nrate = 50/s\n"
    "[client b]\nkey = sha256:%064d\n";

static const char SCHEMA[] =
    "{\"entity\":\"things\",\"path\":\"/api/things\",\"identity\":\"Id\",\"parameters\":["
    "{\"name\":\"page\",\"type\":\"page\",\"default\":1},{\"name\":\"size\",\"type\":\"size\",\"default\":25},"
    "{\"name\":\"Kind\",\"type\":\"enum\",\"default\":\"b\",\"values\":{\"a\":1,\"b\":2}}]}";

struct door {
    atomic_int_least64_t left; /* until the one that fails; 0: none does */
    atomic_int_least64_t counts_objects;
};

static struct door *door;
static struct identity identity;
static char path[TLS_PATH_MAX], secret[TLS_PATH_MAX], folder[TLS_PATH_MAX], schema[TLS_PATH_MAX + 16];

static void write_text(const char *where, const char *text)
{
    FILE *file = fopen(where, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* With the nth try failing. What was said is in `complaints`, NUL-terminated. */
static bool read_failing(int64_t nth, const struct settings *now, struct settings *settings,
                         struct complaints *complaints)
{
    complaints_init(complaints);
    atomic_store(&door->left, nth);
    bool good = settings_reread(path, now, settings, complaints);
    return good;
}

/* True when the nth try was met. */
static bool fails_honestly(int64_t nth, const struct settings *now, bool names_memory)
{
    struct settings settings;
    struct complaints complaints;
    bool good = read_failing(nth, now, &settings, &complaints);
    bool was_met = atomic_exchange(&door->left, 0) == 0;
    buf_add_char(&complaints.text, '\0');
    if (!was_met) {
        assert_true(good);
    } else if (!good) {
        assert_true(complaints.errors > 0 && complaints.text.length > 1);
        if (names_memory)
            assert_non_null(strstr(complaints.text.bytes, "out of memory"));
    } else if (names_memory) {
        assert_true(complaints.is_full); /* only a warning had no room */
    }
    complaints_free(&complaints);
    settings_free(&settings);
    return was_met;
}

static void each_try_fails_once(bool names_memory)
{
    struct settings now;
    struct complaints complaints;
    assert_true(read_failing(0, NULL, &now, &complaints));
    complaints_free(&complaints);
    now.workers++; /* so that a reload has something to keep, and to warn of */
    mem_free(now.username);
    now.username = mem_copy_text("kept", 4);
    int64_t nth = 1;
    while (fails_honestly(nth, &now, names_memory)) {
        nth++;
        assert_true(nth < TRIES_MAX);
    }
    assert_true(nth > 50);
    settings_free(&now);
}

static void of_our_own(void **state)
{
    (void)state;
    each_try_fails_once(true);
}

/* jansson may take its want of memory for a mistake in the file, or say nothing of it. */
static void of_jansson(void **state)
{
    (void)state;
    json_malloc_t give;
    json_free_t take;
    json_get_alloc_funcs(&give, &take);
    json_set_alloc_funcs(mem_try_new, mem_free);
    each_try_fails_once(false);
    json_set_alloc_funcs(give, take);
}

static void without_a_file_too(void **state)
{
    struct settings settings;
    (void)state;
    for (int64_t nth = 1;; nth++) {
        atomic_store(&door->left, nth);
        bool good = settings_defaults(&settings);
        bool was_met = atomic_exchange(&door->left, 0) == 0;
        assert_true(good == !was_met);
        settings_free(&settings);
        if (!was_met)
            return;
    }
}

static int set_up(void **state)
{
    char text[4096], where[64];
    int file = memfd_create("memory", MFD_CLOEXEC);
    (void)state;
    snprintf(where, sizeof(where), "/proc/self/fd/%d", file);
    if (file < 0 || ftruncate(file, sizeof(*door)) != 0 || !mem_follow(where))
        return -1;
    door = mmap(NULL, sizeof(*door), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (door == MAP_FAILED)
        return -1;
    identity_make(&identity, "nexgate", NULL);
    snprintf(path, sizeof(path), "%s/conf", identity.folder);
    snprintf(secret, sizeof(secret), "%s/secret", identity.folder);
    snprintf(folder, sizeof(folder), "%s/folder", identity.folder);
    snprintf(schema, sizeof(schema), "%s/a.json", folder);
    snprintf(text, sizeof(text), CONFIGURATION, identity.folder, identity.certificate_path, identity.key_path, 1,
             folder, identity.folder, 2, 3, 4, 5, 6);
    setenv("USER_OF_TEST", "somebody", 1);
    write_text(path, text);
    write_text(secret, "made up\n");
    if (mkdir(folder, 0700) != 0)
        return -1;
    write_text(schema, SCHEMA);
    atomic_store(&door->counts_objects, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(schema);
    unlink(secret);
    unlink(path);
    rmdir(folder);
    identity_free(&identity);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_our_own), cmocka_unit_test(of_jansson),
                                       cmocka_unit_test(without_a_file_too)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
