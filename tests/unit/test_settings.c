/* SPDX-License-Identifier: MIT */
/* The configuration as a whole: what is accepted, what every mistake is called, and that the sample shows every
 * setting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "settings.h"
#include "settings_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOGIN "[nexudus]\nusername = u\npassword = p\n"
#define KEY "sha256:0000000000000000000000000000000000000000000000000000000000000001"
#define CLIENT "[client a]\nkey = " KEY "\n"

/* A file with the text, removed by the caller. */
static void write_file(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/nexgate-settings-XXXXXX");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    close(descriptor);
}

static bool read_text(const char *text, struct settings *settings, struct complaints *complaints)
{
    char path[64];
    write_file(path, text);
    complaints_init(complaints);
    bool good = settings_read(path, settings, complaints);
    unlink(path);
    buf_add_char(&complaints->text, '\0');
    return good;
}

struct mistake {
    const char *text;
    const char *said; /* part of the complaint, with its line */
};

static const struct mistake MISTAKES[] = {
    {"[sever]\nlisten = 127.0.0.1:1\n" LOGIN, ":1: unknown section [sever]; did you mean [server]?"},
    {"[server]\nlisen = 127.0.0.1:1\n" LOGIN, ":2: unknown setting lisen in [server]; did you mean listen?"},
    {"[cache]\nttl = 60\n" LOGIN, ":2: ttl: "},
    {"[cache]\nttl = -5s\n" LOGIN, ":2: ttl: "},
    {"[cache]\nttl = 48h\n" LOGIN, ":2: ttl: "},
    {"[cache]\nwindow = 0\n" LOGIN, ":2: window: "},
    {"[cache]\nwindow = 1001\n" LOGIN, ":2: window: "},
    {"[cache]\nwindow = many\n" LOGIN, ":2: window: "},
    {"[cache]\nmemory = 64\n" LOGIN, ":2: memory: "},
    {"[cache]\nttl = 5s\nttl = 6s\n" LOGIN, ":3: ttl was given before"},
    {"[cache]\nttl = 5s\n[cache]\nttl = 6s\n" LOGIN, ":3: "},
    {"[log]\nlevel = loud\n" LOGIN, ":2: level: "},
    {"[nexudus]\nusername = u\n", "password: is needed to log in"},
    {"[nexudus]\nusername = u\npassword = p\nbudget = 10\n", ":4: budget: "},
    {"[nexudus]\nusername = u\npassword = p\nbudget = unlimited\n", ":4: budget: "},
    {"[nexudus]\nusername = u\npassword = p\nurl = https://\n", ":4: url: expected scheme"},
    {"[nexudus]\nusername = u\npassword = p\nurl = ftp://x\n", ":4: url: expected https://"},
    {"[nexudus]\nusername = u\npassword = p\nurl = https://user@host\n", ":4: url: expected scheme"},
    {"[nexudus]\nusername = u\npassword = p\ntotp_secret = 1!\n", ":4: totp_secret: "},
    {"[nexudus]\nusername = u\npassword_file = /nonexistent/file\n", ":3: password_file: "},
    {"[nexudus]\nusername_file = /etc/hostname\npassword = p\n", ":2: unknown setting username_file"},
    {"[server]\nadmin = 0.0.0.0:9180\n" LOGIN, ":2: admin: an address that other machines reach needs an admin_key"},
    {"[server]\nadmin = 127.0.0.1:99999\n" LOGIN, ":2: admin: "},
    {"[server]\nlisten = nonsense\n" LOGIN, ":2: listen: "},
    {"[server]\nadmin_key = secret\n" LOGIN, ":2: admin_key: expected sha256:"},
    {"[server]\nlisten =\n" LOGIN, ":2: listen: "},
    {"[server]\ntls_listen = 127.0.0.1:0\n" LOGIN, "tls_certificate: is needed for tls_listen"},
    {"[server]\ntls_listen = 127.0.0.1:0\ntls_certificate = /nowhere\n" LOGIN, "tls_key: is needed for tls_listen"},
    {"[server]\ntls_listen = 127.0.0.1:0\ntls_key = /x\ntls_certificate = /nowhere/cert\n" LOGIN,
     ":4: tls_certificate: cannot read /nowhere/cert: No such file"},
    {"[server]\ntls_listen = nonsense\n" LOGIN, ":2: tls_listen: "},
    {"[server]\nlisten = 127.0.0.1:1,,\n" LOGIN, ":2: listen: "},
    {"[redis]\nurl = 127.0.0.1:6379\n" LOGIN, ":2: url: expected redis://"},
    {"[redis]\nurl = redis://h\nquota_url = redis://h/x\n" LOGIN, ":3: quota_url: expected the number"},
    {"[redis]\nquota_url = redis://h\n" LOGIN, ":2: quota_url: is another server beside url"},
    {"[redis]\nurl = redis+cluster://h/1\n" LOGIN, ":2: url: a cluster has no database but 0"},
    {"[redis]\nurl = redis://h\ntoken_key = 0123\n" LOGIN, ":3: token_key: expected 64 hex digits"},
    {"[redis]\ntimeout = 0ms\n" LOGIN, ":2: timeout: "},
    {"[redis]\non_failure = panic\n" LOGIN, ":2: on_failure: "},
    {"[server]\nentities = /nonexistent\n" LOGIN, "nonexistent"},
    {LOGIN "[client a]\n", "key: a client needs at least one"},
    {LOGIN "[client a]\nkey = nxg_abc\n", "key: expected sha256:"},
    {LOGIN "[client a]\ncert = AB:CD\n", "cert: expected sha256:"},
    {LOGIN "[client a]\ncert = " KEY "\n[client b]\ncert = " KEY "\n",
     "client b: the certificate belongs to client a already"},
    {LOGIN "[client a b]\nkey = " KEY "\n", ":4: "},
    {LOGIN CLIENT "rate = 5\n", ":6: rate: "},
    {LOGIN CLIENT "burst = 5\n", "burst: means nothing without a rate"},
    {LOGIN CLIENT "rate = 5/s\nburst = 0\n", "burst: expected a number"},
    {LOGIN CLIENT "rate = 999983/day\nburst = 1000000\n", "rate: "},
    {LOGIN CLIENT "concurrency = none\n", "concurrency: "},
    {LOGIN CLIENT "businesses = 1, two\n", "businesses: "},
    {LOGIN CLIENT "businesses =\n", "businesses: "},
    {LOGIN CLIENT "dry_run = maybe\n", ":6: dry_run: "},
    {LOGIN CLIENT "weight = 0\n", ":6: weight: "},
    {LOGIN CLIENT "[client a]\nkey = " KEY "\n", ":6: "},
    {LOGIN CLIENT "[client b]\nkey = " KEY "\n", "belongs to client a already"},
    {LOGIN "url = https://h:99999\n" CLIENT, "url: expected scheme, host, port and at most a path"},
    {LOGIN "url = https://[::1/api\n" CLIENT, "url: expected scheme"},
    {LOGIN "url = https://h/\xc3\xa9\n" CLIENT, "url: expected scheme"},
    {LOGIN "client_id = a\x01\n" CLIENT, "client_id: cannot be sent in a header"},
    {"[nexudus]\nusername = a\x7f\npassword = p\n" CLIENT, ":2: username: cannot be sent in a header"},
    {"", "username: is needed"},
    {"ttl = 5s\n" LOGIN, ":1: "},
    {"[cache]\nttl\n" LOGIN, ":2: "},
    {"[nexudus]\nusername = u\npassword = ${NEXGATE_NOT_SET_ANYWHERE}\n", ":3: "},
};

static void every_mistake_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(MISTAKES) / sizeof(MISTAKES[0]); i++) {
        struct settings settings;
        struct complaints complaints;
        bool good = read_text(MISTAKES[i].text, &settings, &complaints);
        if (good || strstr(complaints.text.bytes, MISTAKES[i].said) == NULL)
            fail_msg("%s\n  expected: %s\n  said: %s", MISTAKES[i].text, MISTAKES[i].said, complaints.text.bytes);
        complaints_free(&complaints);
        settings_free(&settings);
    }
}

static void all_problems_are_shown_at_once(void **state)
{
    (void)state;
    struct settings settings;
    struct complaints complaints;
    assert_false(read_text("[cache]\nttl = x\nwindow = 0\n[srver]\n" LOGIN, &settings, &complaints));
    assert_true(complaints.errors >= 3);
    complaints_free(&complaints);
    settings_free(&settings);
}

/* A login in clear is no matter on one machine, and is warned of where it only looks like one. */
static void a_login_in_clear_is_warned_of(void **state)
{
    static const struct {
        const char *url;
        bool is_warned;
    } ROWS[] = {
        {"https://h", false},
        {"https://h:8443/a/b", false},
        {"http://127.0.0.1:80", false},
        {"http://127.1.2.3/path", false},
        {"http://LOCALHOST", false},
        {"http://[::1]:8080", false},
        {"http://[::1]", false},
        {"http://h", true},
        {"http://127.0.0.1.example.com", true},
        {"http://localhost.example.com:80", true},
        {"http://[::2]", true},
        {"http://unix:80", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct settings settings;
        struct complaints complaints;
        char text[400];
        snprintf(text, sizeof(text), LOGIN "url = %s\n" CLIENT, ROWS[i].url);
        assert_true(read_text(text, &settings, &complaints));
        if ((complaints.warnings > 0) != ROWS[i].is_warned)
            fail_msg("%s: %d warnings", ROWS[i].url, (int)complaints.warnings);
        complaints_free(&complaints);
        settings_free(&settings);
    }
}

static void what_was_refused_is_named_once(void **state)
{
    static const char *const TEXTS[] = {
        "[nexudus]\nusername = u\npassword_file = /nowhere/at/all\n" CLIENT,
        "[server]\nadmin = 0.0.0.0:0\nadmin_key_file = /nowhere/at/all\n" LOGIN CLIENT,
        "[redis]\nurl_file = /nowhere/at/all\nquota_url = redis://h:1\n" LOGIN CLIENT,
        "[redis]\nurl = redis://h:1\ntoken_key_file = /nowhere/at/all\n" LOGIN CLIENT,
        LOGIN "[client a]\nkey_file = /nowhere/at/all\n",
        LOGIN "[client a]\nkey = sha256:0\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        struct settings settings;
        struct complaints complaints;
        assert_false(read_text(TEXTS[i], &settings, &complaints));
        assert_int_equal(complaints.errors, 1);
        assert_int_equal(complaints.warnings, 0);
        complaints_free(&complaints);
        settings_free(&settings);
    }
}

#define TOKEN_KEY "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static void redis_is_read(void **state)
{
    (void)state;
    struct settings settings;
    struct complaints complaints;
    assert_true(read_text("[redis]\nurl = redis://u:p@h:7/2\nquota_url = unix:/q\ntoken_key = " TOKEN_KEY
                          "\n" LOGIN CLIENT,
                          &settings, &complaints));
    assert_int_equal(complaints.warnings, 0);
    assert_true(settings.has_redis && settings.has_quota_redis && settings.has_redis_token_key);
    assert_string_equal(settings.redis.hosts[0].name, "h");
    assert_string_equal(settings.quota_redis.path, "/q");
    assert_int_equal(settings.redis_token_key_bytes[31], 0xff);
    complaints_free(&complaints);
    settings_free(&settings);

    assert_true(read_text("[redis]\nurl = redis://h\n" LOGIN CLIENT, &settings, &complaints));
    assert_non_null(strstr(complaints.text.bytes, ":2: warning: url: without a token_key the login is not shared"));
    assert_false(settings.has_quota_redis || settings.has_redis_token_key);
    complaints_free(&complaints);
    settings_free(&settings);
}

static void a_full_configuration_is_read(void **state)
{
    (void)state;
    struct settings settings;
    struct complaints complaints;
    bool good =
        read_text("# comment\n; comment\n[server]\nlisten = 127.0.0.1:1, [::1]:2\nadmin =\nworkers = 3\n"
                  "[log]\nlevel = warn\nformat = json\n[cache]\nttl = 90s\nmemory = 1mb\nstale_if_error = 24h\n" LOGIN
                  "totp_secret = GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ\nbudget = 5/s\n"
                  "[redis]\nurl =\nprefix = x:\n[client a]\nkey = " KEY "\nrate = 10/s\nmisses = 5/day\n"
                  "concurrency = 7\nbusinesses = 3, 1\ndry_run = yes\nweight = 3\n",
                  &settings, &complaints);
    if (!good)
        fail_msg("%s", complaints.text.bytes);
    assert_string_equal(settings.listen_addresses[1], "[::1]:2");
    assert_null(settings.listen_addresses[2]);
    assert_null(settings.admin);
    assert_int_equal(settings.workers, 3);
    assert_int_equal(settings.ttl_us, 90 * CLOCK_SECOND);
    assert_int_equal(settings.budget.count, 5);
    const struct client *client = roster_by_name(settings.roster, slice_of("a"));
    assert_non_null(client);
    assert_int_equal(client->policy.rate.burst, 10); /* one second of the rate */
    assert_int_equal(client->policy.misses.limit, 5);
    assert_int_equal(client->policy.misses.period_us, CLOCK_DAY);
    assert_int_equal(client->policy.concurrency, 7);
    assert_int_equal(client->policy.weight, 3);
    assert_int_equal(client->scope.count, 2);
    assert_int_equal(client->scope.locations[0], 1);
    assert_true(client->policy.dry_run);
    complaints_free(&complaints);
    settings_free(&settings);
}

static void a_secret_is_not_repeated_in_a_complaint(void **state)
{
    (void)state;
    struct settings settings;
    struct complaints complaints;
    assert_false(read_text(LOGIN "totp_secret = s3cr3t!\n[client a]\nkey = s3cr3t-key\n", &settings, &complaints));
    assert_null(strstr(complaints.text.bytes, "s3cr3t"));
    complaints_free(&complaints);
    settings_free(&settings);
}

/* True when the file has a line that gives the setting, commented or not, in its section. */
static bool sample_has(const char *text, const char *section, const char *name)
{
    char heading[80], line[96];
    snprintf(heading, sizeof(heading), "[%s]\n", section);
    const char *at = strstr(text, heading);
    if (at == NULL)
        return false;
    at += strlen(heading);
    const char *end = strstr(at, "\n[");
    const char *other_end = strstr(at, "\n#[");
    if (end == NULL || (other_end != NULL && other_end < end))
        end = other_end;
    snprintf(line, sizeof(line), "\n#%s =", name);
    const char *commented = strstr(at - 1, line);
    snprintf(line, sizeof(line), "\n%s =", name);
    const char *plain = strstr(at - 1, line);
    const char *found = commented != NULL ? commented : plain;
    return found != NULL && (end == NULL || found < end);
}

static void the_sample_shows_every_setting(void **state)
{
    (void)state;
    static char text[64 * 1024];
    FILE *file = fopen("conf/nexgate.conf", "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const struct option *row = &SETTINGS_TABLE[i];
        if ((row->flags & OPTION_RESERVED) == 0 && !sample_has(text, row->section, row->name))
            fail_msg("conf/nexgate.conf does not show [%s] %s", row->section, row->name);
    }
    for (size_t i = 0; i < SETTINGS_CLIENT_COUNT; i++) {
        const struct option *row = &SETTINGS_CLIENT_TABLE[i];
        if ((row->flags & OPTION_RESERVED) == 0 && !sample_has(text, row->section, row->name))
            fail_msg("conf/nexgate.conf does not show [%s] %s", row->section, row->name);
    }
}

static void the_samples_are_good(void **state)
{
    (void)state;
    setenv("NEXUDUS_USERNAME", "user", 1);
    setenv("NEXUDUS_PASSWORD", "password", 1);
    setenv("NEXGATE_REPORTS_KEY", KEY, 1);
    static const char *const FILES[] = {"conf/nexgate.conf", "conf/nexgate.min.conf"};
    for (size_t i = 0; i < 2; i++) {
        struct settings settings;
        struct complaints complaints;
        complaints_init(&complaints);
        if (!settings_read(FILES[i], &settings, &complaints))
            fail_msg("%.*s", (int)complaints.text.length, complaints.text.bytes);
        complaints_free(&complaints);
        settings_free(&settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_named),
        cmocka_unit_test(all_problems_are_shown_at_once),
        cmocka_unit_test(a_login_in_clear_is_warned_of),
        cmocka_unit_test(what_was_refused_is_named_once),
        cmocka_unit_test(redis_is_read),
        cmocka_unit_test(a_full_configuration_is_read),
        cmocka_unit_test(a_secret_is_not_repeated_in_a_complaint),
        cmocka_unit_test(the_sample_shows_every_setting),
        cmocka_unit_test(the_samples_are_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
