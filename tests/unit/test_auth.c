/* SPDX-License-Identifier: MIT */
/* The three ways to present a key, and the many ways to get it wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/auth.h"

#include <stdio.h>

struct fixture {
    struct roster *roster;
    struct auth *auth;
    struct client *billing, *portal;
};

static void add(struct roster *roster, const char *name, const char *key, const char *other_key)
{
    uint8_t digests[2][HASH_SHA256_BYTES];
    struct scope scope = {.all = true};
    struct client_policy policy = {.weight = 1};
    char why[128];
    hash_sha256(slice_of(key), digests[0]);
    hash_sha256(slice_of(other_key), digests[1]);
    assert_true(roster_add(roster, slice_of(name), (const uint8_t(*)[HASH_SHA256_BYTES])digests, 2, &scope, &policy,
                           why, sizeof(why)));
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_new(sizeof(*fixture));
    fixture->roster = roster_new();
    add(fixture->roster, "billing", "billing-key", "billing-key-2");
    add(fixture->roster, "portal", "portal:key", "portal-key-2");
    fixture->auth = auth_new(fixture->roster);
    fixture->billing = roster_by_name(fixture->roster, slice_of("billing"));
    fixture->portal = roster_by_name(fixture->roster, slice_of("portal"));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    auth_free(fixture->auth);
    roster_free(fixture->roster);
    mem_free(fixture);
    return 0;
}

struct row {
    const char *authorization, *api_key; /* NULL: did not come */
    enum auth_verdict verdict;
    const char *client;
};

static const struct row ROWS[] = {
    {NULL, NULL, AUTH_MISSING, NULL},
    {"Bearer billing-key", NULL, AUTH_KNOWN, "billing"},
    {"bearer billing-key-2", NULL, AUTH_KNOWN, "billing"},
    {"Bearer   billing-key", NULL, AUTH_KNOWN, "billing"},
    {"Bearer portal:key", NULL, AUTH_KNOWN, "portal"},
    {NULL, "billing-key", AUTH_KNOWN, "billing"},
    {NULL, "portal-key-2", AUTH_KNOWN, "portal"},
    {"Basic YW55b25lOmJpbGxpbmcta2V5", NULL, AUTH_KNOWN, "billing"}, /* anyone:billing-key */
    {"Basic OmJpbGxpbmcta2V5", NULL, AUTH_KNOWN, "billing"},         /* :billing-key */
    {"Basic dTpwb3J0YWw6a2V5", NULL, AUTH_KNOWN, "portal"},          /* u:portal:key */
    {"basic OmJpbGxpbmcta2V5", NULL, AUTH_KNOWN, "billing"},
    {"Basic YmlsbGluZy1rZXk=", NULL, AUTH_INVALID, NULL}, /* no colon */
    {"Basic OmJpbGxpbmcta2V5=", NULL, AUTH_INVALID, NULL},
    {"Basic !!!", NULL, AUTH_INVALID, NULL},
    {"Basic", NULL, AUTH_INVALID, NULL},
    {"Bearer", NULL, AUTH_INVALID, NULL},
    {"Bearer ", NULL, AUTH_INVALID, NULL},
    {"", NULL, AUTH_INVALID, NULL},
    {NULL, "", AUTH_INVALID, NULL},
    {"billing-key", NULL, AUTH_INVALID, NULL},
    {"Digest billing-key", NULL, AUTH_INVALID, NULL},
    {"Bearer billing-key ", "x", AUTH_INVALID, NULL},
    {"Bearer billing-keY", NULL, AUTH_INVALID, NULL},
    {"Bearer billing-key", "billing-key-2", AUTH_KNOWN, "billing"},
    {"Bearer billing-key", "portal-key-2", AUTH_INVALID, NULL},
    {"Bearer nobody", "billing-key", AUTH_INVALID, NULL},
    {NULL, "Bearer billing-key", AUTH_INVALID, NULL}, /* each field is read its own way, remembered or not */
};

static struct slice field(const char *text)
{
    return text != NULL ? slice_of(text) : slice_make(NULL, 0);
}

/* Twice, so that the second round meets what was remembered. */
static void reads_every_way(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 2 * sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        const struct row *row = &ROWS[i % (sizeof(ROWS) / sizeof(ROWS[0]))];
        struct client *client;
        enum auth_verdict verdict =
            auth_check(fixture->auth,
                       &(struct auth_credentials){field(row->authorization), field(row->api_key), {NULL, 0}}, &client);
        const char *name = client != NULL ? client->name.at : NULL;
        bool right = row->client == NULL ? name == NULL : name != NULL && strcmp(name, row->client) == 0;
        if (verdict != row->verdict || !right)
            fail_msg("row %zu (%s, %s): verdict %d, client %s", i, row->authorization, row->api_key, verdict, name);
    }
}

static void long_keys_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static char text[100000];
    struct client *client;
    memset(text, 'A', sizeof(text) - 1);
    assert_int_equal(
        auth_check(fixture->auth, &(struct auth_credentials){slice_make(NULL, 0), slice_of(text), {NULL, 0}}, &client),
        AUTH_INVALID);
    memcpy(text, "Bearer ", 7);
    assert_int_equal(
        auth_check(fixture->auth, &(struct auth_credentials){slice_of(text), slice_make(NULL, 0), {NULL, 0}}, &client),
        AUTH_INVALID);
    memcpy(text, "Basic  ", 7);
    assert_int_equal(
        auth_check(fixture->auth, &(struct auth_credentials){slice_of(text), slice_make(NULL, 0), {NULL, 0}}, &client),
        AUTH_INVALID);
}

static void made_keys_are_found_by_their_digest(void **state)
{
    struct fixture *fixture = *state;
    struct buf key;
    uint8_t digest[1][HASH_SHA256_BYTES];
    struct scope scope = {.all = true};
    struct client_policy policy = {.weight = 1};
    char why[128];
    buf_init(&key, AUTH_KEY_MAX);
    auth_make_key(&key, digest[0]);
    assert_true(slice_starts_with(buf_slice(&key), slice_of("nxg_")));
    assert_int_equal(key.length, 4 + 43);
    assert_true(roster_add(fixture->roster, slice_of("new"), (const uint8_t(*)[HASH_SHA256_BYTES])digest, 1, &scope,
                           &policy, why, sizeof(why)));
    struct client *client;
    assert_int_equal(
        auth_check(fixture->auth, &(struct auth_credentials){slice_make(NULL, 0), buf_slice(&key), {NULL, 0}}, &client),
        AUTH_KNOWN);
    assert_string_equal(client->name.at, "new");
    assert_false(roster_add(fixture->roster, slice_of("thief"), (const uint8_t(*)[HASH_SHA256_BYTES])digest, 1, &scope,
                            &policy, why, sizeof(why)));
    assert_false(roster_add(fixture->roster, slice_of("new"), NULL, 0, &scope, &policy, why, sizeof(why)));
    buf_free(&key);
}

/* A certificate names a client or nobody, and what is shown beside it must name the same one. */
static void certificates_name_clients(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *authorization, *api_key, *certificate; /* NULL: none */
        enum auth_verdict verdict;
        const char *client;
    } CASES[] = {
        {NULL, NULL, "billing-cert", AUTH_KNOWN, "billing"},
        {NULL, NULL, "billing-cert-2", AUTH_KNOWN, "billing"},
        {NULL, NULL, "portal-cert", AUTH_KNOWN, "portal"},
        {NULL, NULL, "nobody's", AUTH_MISSING, NULL},
        {NULL, "billing-key", "nobody's", AUTH_KNOWN, "billing"},
        {"Bearer billing-key", NULL, "billing-cert", AUTH_KNOWN, "billing"},
        {"Bearer billing-key", "billing-key-2", "billing-cert", AUTH_KNOWN, "billing"},
        {"Bearer billing-key", NULL, "portal-cert", AUTH_INVALID, NULL},
        {NULL, "portal-key-2", "billing-cert", AUTH_INVALID, NULL},
        {"Bearer nobody", NULL, "billing-cert", AUTH_INVALID, NULL},
        {"Digest x", NULL, "billing-cert", AUTH_INVALID, NULL},
        {NULL, "", "billing-cert", AUTH_INVALID, NULL},
        {NULL, "billing-cert", NULL, AUTH_INVALID, NULL}, /* a certificate is public: it is no key */
        {"Bearer billing-cert", NULL, NULL, AUTH_INVALID, NULL},
        {NULL, NULL, "billing-key", AUTH_MISSING, NULL}, /* nor is a key a certificate */
    };
    static const char *const OWNED[][2] = {
        {"billing", "billing-cert"}, {"billing", "billing-cert-2"}, {"portal", "portal-cert"}};
    char why[128] = "";
    uint8_t digest[HASH_SHA256_BYTES];
    assert_false(roster_has_certificates(fixture->roster));
    for (size_t i = 0; i < 3; i++) {
        hash_sha256(slice_of(OWNED[i][1]), digest);
        assert_true(roster_add_certificate(fixture->roster, slice_of(OWNED[i][0]), digest, why, sizeof(why)));
        assert_true(roster_add_certificate(fixture->roster, slice_of(OWNED[i][0]), digest, why, sizeof(why)));
    }
    assert_true(roster_has_certificates(fixture->roster));
    assert_false(roster_add_certificate(fixture->roster, slice_of("billing"), digest, why, sizeof(why)));
    assert_string_equal(why, "the certificate belongs to client portal already");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct client *client;
        struct auth_credentials shown = {field(CASES[i].authorization), field(CASES[i].api_key), {NULL, 0}};
        if (CASES[i].certificate != NULL) {
            hash_sha256(slice_of(CASES[i].certificate), digest);
            shown.certificate = slice_make((const char *)digest, sizeof(digest));
        }
        enum auth_verdict verdict = auth_check(fixture->auth, &shown, &client);
        const char *name = client != NULL ? client->name.at : "nobody";
        if (verdict != CASES[i].verdict || strcmp(name, CASES[i].client != NULL ? CASES[i].client : "nobody") != 0)
            fail_msg("case %zu: verdict %d, client %s", i, verdict, name);
    }
}

static void locations_are_sorted(void **state)
{
    struct fixture *fixture = *state;
    const int64_t locations[] = {30, -1, 7};
    struct scope scope = {.locations = locations, .count = 3};
    struct client_policy policy = {.weight = 1};
    char why[128];
    assert_true(roster_add(fixture->roster, slice_of("scoped"), NULL, 0, &scope, &policy, why, sizeof(why)));
    const struct client *client = roster_by_name(fixture->roster, slice_of("scoped"));
    assert_int_equal(client->scope.locations[0], -1);
    assert_int_equal(client->scope.locations[2], 30);
    assert_ptr_equal(roster_at(fixture->roster, 2), client);
    assert_null(roster_at(fixture->roster, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_every_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_keys_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(made_keys_are_found_by_their_digest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(certificates_name_clients, set_up, tear_down),
        cmocka_unit_test_setup_teardown(locations_are_sorted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
