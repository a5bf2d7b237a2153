/* SPDX-License-Identifier: MIT */
/* Checks the settings as a whole. Must not start anything; what `serve` would refuse is refused here. */
#include "settings_check.h"

#include "base/ascii.h"
#include "base/codec.h"
#include "base/units.h"
#include "front/address.h"
#include "front/target.h"
#include "settings_client.h"
#include "settings_tls.h"
#include "upstream/login.h"

#include <assert.h>
#include <stdio.h>

static const struct settings_row_read *find(const struct settings_place *place, const char *section, const char *name)
{
    const struct option *row = options_find(SETTINGS_TABLE, SETTINGS_COUNT, slice_of(section), slice_of(name));
    assert(row != NULL);
    return &place->rows[row - SETTINGS_TABLE];
}

void settings_complain(const struct settings_place *place, const char *section, const char *name, const char *why)
{
    const struct settings_row_read *row = find(place, section, name);
    if (!row->is_refused)
        complaints_error(place->complaints, place->file, row->line, "%s: %s", name, why);
}

void settings_warn(const struct settings_place *place, const char *section, const char *name, const char *why)
{
    const struct settings_row_read *row = find(place, section, name);
    if (!row->is_refused)
        complaints_warn(place->complaints, place->file, row->line, "%s: %s", name, why);
}

static bool is_address(const char *text, char *why, size_t why_size)
{
    struct address addresses[ADDRESS_MAX];
    return address_resolve(text, addresses, why, why_size) > 0;
}

/* The addresses of a list. */
static void read_addresses(const char *text, const char *name, char **addresses, const struct settings_place *place)
{
    struct slice rest = text != NULL ? slice_of(text) : slice_make(NULL, 0);
    struct slice item;
    size_t count = 0;
    char why[OPTION_WHY_MAX];
    while (slice_cut(&rest, ',', &item)) {
        item = slice_trim(item);
        if (item.length == 0 || count == SETTINGS_LISTEN_MAX) {
            settings_complain(place, "server", name, "expected 1 to 8 addresses separated by commas");
            return;
        }
        addresses[count] = mem_try_copy(item);
        if (addresses[count] == NULL) {
            settings_complain(place, "server", name, "out of memory");
            return;
        }
        if (!is_address(addresses[count++], why, sizeof(why)))
            settings_complain(place, "server", name, why);
    }
}

/* One of the two may be empty. */
static void check_listen(struct settings *settings, const struct settings_place *place)
{
    read_addresses(settings->listen, "listen", settings->listen_addresses, place);
    read_addresses(settings->tls_listen, "tls_listen", settings->tls_addresses, place);
    if (settings->listen == NULL && settings->tls_listen == NULL)
        settings_complain(place, "server", "listen", "expected an address");
}
_Static_assert((int)SETTINGS_LISTEN_MAX == 8, "the complaint above says so");

static void check_admin(struct settings *settings, const struct settings_place *place)
{
    char why[OPTION_WHY_MAX];
    if (settings->admin_key != NULL) {
        settings->has_admin_key = settings_read_digest(slice_of(settings->admin_key), settings->admin_key_digest);
        if (!settings->has_admin_key)
            settings_complain(place, "server", "admin_key",
                              "expected sha256: and 64 hex digits, as `nexgate keygen` prints them");
    }
    if (settings->admin == NULL)
        return;
    if (!is_address(settings->admin, why, sizeof(why)))
        settings_complain(place, "server", "admin", why);
    else if (!settings->has_admin_key && !address_is_local(settings->admin) &&
             !find(place, "server", "admin_key")->is_refused)
        settings_complain(place, "server", "admin", "an address that other machines reach needs an admin_key");
}

/* off, all, 1/N. */
static bool read_access(struct slice text, int64_t *one_in)
{
    enum { ACCESS_IN_MAX = 1000000 };
    struct slice head = SLICE("1/");
    *one_in = slice_is(text, "all") ? 1 : 0;
    if (slice_is(text, "off") || slice_is(text, "all"))
        return true;
    return slice_starts_with(text, head) &&
           units_integer(slice_make(text.at + head.length, text.length - head.length), one_in) && *one_in >= 1 &&
           *one_in <= ACCESS_IN_MAX;
}

static void check_log(struct settings *settings, const struct settings_place *place)
{
    if (settings->log_access == NULL || !read_access(slice_of(settings->log_access), &settings->access_in))
        settings_complain(place, "log", "access", "expected off, all, or a share such as 1/100");
}

/* Scheme, host, port and at most a path: what a path can be put behind. */
static bool split_url(struct slice url, size_t scheme, struct slice *authority)
{
    for (size_t i = 0; i < url.length; i++) {
        if (!ascii_is_visible(url.at[i]) || strchr("?#@", url.at[i]) != NULL)
            return false;
    }
    struct slice rest = slice_make(url.at + scheme, url.length - scheme);
    return slice_cut(&rest, '/', authority) && target_is_authority(*authority);
}

/* Whether it leads to no other machine. */
static bool is_own_machine(struct slice authority)
{
    char text[OPTION_WHY_MAX];
    if (slice_starts_with(authority, slice_of("unix:"))) /* a host of that name, no socket */
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", (int)authority.length, authority.at);
    if (address_is_local(text))
        return true;
    (void)snprintf(text, sizeof(text), "%.*s:80", (int)authority.length, authority.at); /* where it has no port */
    return address_is_local(text);
}

static void check_url(struct slice url, const struct settings_place *place)
{
    static const struct slice PLAIN = SLICE("http://"), SECURE = SLICE("https://");
    struct slice authority;
    bool plain = slice_starts_with(url, PLAIN);
    if (!plain && !slice_starts_with(url, SECURE))
        settings_complain(place, "nexudus", "url", "expected https://HOST (or http:// for a simulator)");
    else if (!split_url(url, plain ? PLAIN.length : SECURE.length, &authority))
        settings_complain(place, "nexudus", "url", "expected scheme, host, port and at most a path");
    else if (plain && !is_own_machine(authority))
        settings_warn(place, "nexudus", "url", "the login is sent over http:// in clear");
}

/* The client_id, or the username in its place. */
static void check_client_id(const struct settings *settings, const struct settings_place *place)
{
    const char *name = settings->client_id != NULL ? "client_id" : "username";
    const char *text = settings->client_id != NULL ? settings->client_id : settings->username;
    if (text != NULL && !login_fits_a_header(text))
        settings_complain(place, "nexudus", name, "cannot be sent in a header: it holds a control character");
}

static void check_totp(const char *text, const struct settings_place *place)
{
    enum { SECRET_BYTES_MIN = 10 }; /* 80 bits: what authenticators show is at least this */
    struct buf secret;
    buf_init(&secret, 256);
    bool is_secret = codec_unbase32(slice_of(text), &secret) && secret.length >= SECRET_BYTES_MIN;
    if (secret.starved)
        settings_complain(place, "nexudus", "totp_secret", "out of memory");
    else if (!is_secret)
        settings_complain(place, "nexudus", "totp_secret", "expected at least 16 base32 characters");
    if (secret.bytes != NULL)
        mem_wipe(secret.bytes, secret.length);
    buf_free(&secret);
}

static void check_nexudus(const struct settings *settings, const struct settings_place *place)
{
    check_url(settings->url != NULL ? slice_of(settings->url) : slice_make(NULL, 0), place);
    if (settings->budget.count < 1)
        settings_complain(place, "nexudus", "budget", "expected a number of calls in an interval, such as 10/100ms");
    if (settings->username == NULL)
        settings_complain(place, "nexudus", "username", "is needed to log in");
    if (settings->password == NULL)
        settings_complain(place, "nexudus", "password", "is needed to log in");
    check_client_id(settings, place);
    if (settings->totp_secret != NULL)
        check_totp(settings->totp_secret, place);
}

static bool check_redis_url(const char *text, const char *name, struct redis_url *url,
                            const struct settings_place *place)
{
    char why[REDIS_URL_WHY_MAX];
    if (text == NULL)
        return false;
    if (!redis_url_read(slice_of(text), url, why)) {
        settings_complain(place, "redis", name, why);
        return false;
    }
    return true;
}

static void check_redis(struct settings *settings, const struct settings_place *place)
{
    settings->has_redis = check_redis_url(settings->redis_url, "url", &settings->redis, place);
    settings->has_quota_redis = check_redis_url(settings->redis_quota_url, "quota_url", &settings->quota_redis, place);
    if (settings->redis_quota_url != NULL && settings->redis_url == NULL && !find(place, "redis", "url")->is_refused)
        settings_complain(place, "redis", "quota_url", "is another server beside url, which is not given");
    if (settings->redis_token_key != NULL) {
        settings->has_redis_token_key =
            codec_unhex(slice_of(settings->redis_token_key), settings->redis_token_key_bytes, SETTINGS_TOKEN_KEY_BYTES);
        if (!settings->has_redis_token_key)
            settings_complain(place, "redis", "token_key",
                              "expected 64 hex digits, as `openssl rand -hex 32` prints them");
    } else if (settings->redis_url != NULL && !find(place, "redis", "token_key")->is_refused) {
        settings_warn(place, "redis", "url",
                      "without a token_key the login is not shared: every instance logs in by itself");
    }
}

void settings_check(struct settings *settings, const struct settings_place *place)
{
    struct complaints *complaints = place->complaints;
    check_listen(settings, place);
    check_admin(settings, place);
    check_log(settings, place);
    settings_check_tls(settings, place);
    check_nexudus(settings, place);
    check_redis(settings, place);
    if (settings->entities != NULL && !schema_set_add_folder(settings->schemas, settings->entities, complaints))
        settings_complain(place, "server", "entities", "not all schemas of the folder could be read");
    if (roster_at(settings->roster, 0) == NULL && complaints->errors == 0)
        complaints_warn(complaints, place->file, 0, "there is no [client NAME] section: every search will be refused");
}
