/* SPDX-License-Identifier: MIT */
/* From the words of a [client NAME] section to a client: keys, scope, quota. */
#include "settings_client.h"

#include "base/codec.h"
#include "base/units.h"

#include <assert.h>
#include <inttypes.h>

enum { CLIENT_BURST_MAX = 1000000, CLIENT_CONCURRENCY_MAX = 1000000 };

/* Where a section stands, for complaints. */
struct place {
    const char *file;
    size_t line; /* of the heading */
    const struct settings_row_read *rows;
    struct complaints *complaints;
};

static const struct settings_row_read *find(const struct place *place, const char *name)
{
    const struct option *row =
        options_find(SETTINGS_CLIENT_TABLE, SETTINGS_CLIENT_COUNT, slice_of("client NAME"), slice_of(name));
    assert(row != NULL);
    return &place->rows[row - SETTINGS_CLIENT_TABLE];
}

/* The line of a setting; of the heading where it was not given. */
static size_t line_of(const struct place *place, const char *name)
{
    size_t line = find(place, name)->line;
    return line > 0 ? line : place->line;
}

bool settings_read_digest(struct slice text, uint8_t digest[HASH_SHA256_BYTES])
{
    struct slice head = SLICE("sha256:");
    if (!slice_starts_with(text, head))
        return false;
    return codec_unhex(slice_make(text.at + head.length, text.length - head.length), digest, HASH_SHA256_BYTES);
}

/* The digests of a list, at most CLIENT_KEYS_MAX. */
static size_t read_digests(const char *name, const char *text, uint8_t (*digests)[HASH_SHA256_BYTES],
                           const char *expected, const struct place *place)
{
    struct slice rest = text != NULL ? slice_trim(slice_of(text)) : slice_make(NULL, 0);
    struct slice item;
    size_t count = 0;
    while (slice_cut(&rest, ',', &item)) {
        item = slice_trim(item);
        if (count == CLIENT_KEYS_MAX) {
            complaints_error(place->complaints, place->file, line_of(place, name), "%s: at most %d", name,
                             CLIENT_KEYS_MAX);
            return count;
        }
        if (settings_read_digest(item, digests[count]))
            count++;
        else
            complaints_error(place->complaints, place->file, line_of(place, name), "%s: expected %s", name, expected);
    }
    return count;
}

/* How a client names itself. */
struct credentials {
    uint8_t keys[CLIENT_KEYS_MAX][HASH_SHA256_BYTES];
    uint8_t certificates[CLIENT_KEYS_MAX][HASH_SHA256_BYTES];
    size_t key_count, certificate_count;
};

static void read_credentials(const struct client_settings *words, struct credentials *read, const struct place *place)
{
    size_t errors = place->complaints->errors;
    read->key_count = read_digests("key", words->key, read->keys,
                                   "sha256: and 64 hex digits, as `nexgate keygen` prints them", place);
    read->certificate_count = read_digests("cert", words->cert, read->certificates,
                                           "sha256: and the 64 hex digits of a certificate's fingerprint", place);
    bool is_said = place->complaints->errors != errors || find(place, "key")->is_refused;
    if (read->key_count == 0 && read->certificate_count == 0 && !is_said)
        complaints_error(place->complaints, place->file, line_of(place, "key"),
                         "key: a client needs at least one, or a cert");
}

static void read_locations(const char *text, struct scope *scope, int64_t *locations, const struct place *place)
{
    struct slice rest = text != NULL ? slice_trim(slice_of(text)) : slice_make(NULL, 0);
    *scope = (struct scope){.all = slice_is(rest, "all"), .locations = locations};
    if (scope->all)
        return;
    struct slice item;
    while (slice_cut(&rest, ',', &item)) {
        item = slice_trim(item);
        if (scope->count == CLIENT_LOCATIONS_MAX) {
            complaints_error(place->complaints, place->file, line_of(place, "businesses"), "businesses: at most %d",
                             CLIENT_LOCATIONS_MAX);
            return;
        }
        if (units_integer(item, &locations[scope->count]))
            scope->count++;
        else
            complaints_error(place->complaints, place->file, line_of(place, "businesses"),
                             "businesses: expected all, or the ids of locations separated by commas");
    }
    if (scope->count == 0)
        complaints_error(place->complaints, place->file, line_of(place, "businesses"),
                         "businesses: expected all, or at least one id");
}

/* `text` as a number of 1 to `max`; `preset` when it is NULL. */
static int64_t read_count(const char *name, const char *text, int64_t preset, int64_t max, const struct place *place)
{
    int64_t number;
    if (text == NULL)
        return preset;
    if (units_integer(slice_of(text), &number) && number >= 1 && number <= max)
        return number;
    complaints_error(place->complaints, place->file, line_of(place, name), "%s: expected a number of 1 to %" PRId64,
                     name, max);
    return preset;
}

/* One second of the rate, at least one request. */
static int64_t default_burst(const struct option_rate *rate)
{
    __int128 tokens = (__int128)rate->count * CLOCK_SECOND / rate->period_us;
    if (tokens < 1)
        return 1;
    return tokens < CLIENT_BURST_MAX ? (int64_t)tokens : CLIENT_BURST_MAX;
}

static void read_policy(const struct client_settings *words, struct client_policy *policy, const struct place *place)
{
    *policy = (struct client_policy){.weight = words->weight, .dry_run = words->dry_run};
    if (words->rate.count > 0) {
        int64_t burst = read_count("burst", words->burst, default_burst(&words->rate), CLIENT_BURST_MAX, place);
        policy->has_rate = rate_init(&policy->rate, words->rate.count, words->rate.period_us, burst);
        if (!policy->has_rate)
            complaints_error(
                place->complaints, place->file, line_of(place, "rate"),
                "rate: together with this burst it is too fine to be counted exactly; use a smaller burst or a "
                "shorter period");
    } else if (words->burst != NULL) {
        complaints_error(place->complaints, place->file, line_of(place, "burst"),
                         "burst: means nothing without a rate");
    }
    if (words->misses.count > 0) {
        policy->has_misses = true;
        policy->misses = (struct rate_window){words->misses.count, words->misses.period_us};
    }
    bool unlimited = words->concurrency == NULL || slice_is(slice_of(words->concurrency), "unlimited");
    if (!unlimited)
        policy->concurrency = read_count("concurrency", words->concurrency, 0, CLIENT_CONCURRENCY_MAX, place);
}

static bool add_client(struct roster *roster, struct slice name, const struct credentials *read,
                       const struct scope *scope, const struct client_policy *policy, char *why, size_t why_size)
{
    if (!roster_add(roster, name, read->keys, read->key_count, scope, policy, why, why_size))
        return false;
    for (size_t i = 0; i < read->certificate_count; i++) {
        if (!roster_add_certificate(roster, name, read->certificates[i], why, why_size))
            return false;
    }
    return true;
}

void settings_add_client(struct roster *roster, struct slice name, const struct client_settings *words,
                         const char *file, size_t line, const struct settings_row_read *rows,
                         struct complaints *complaints)
{
    struct place place = {file, line, rows, complaints};
    struct credentials credentials;
    int64_t *locations = mem_try_new(CLIENT_LOCATIONS_MAX * sizeof(*locations));
    struct scope scope;
    struct client_policy policy;
    size_t errors = complaints->errors;
    if (locations == NULL) {
        complaints_memory(complaints, file, line);
        return;
    }
    read_credentials(words, &credentials, &place);
    read_locations(words->businesses, &scope, locations, &place);
    read_policy(words, &policy, &place);
    char why[OPTION_WHY_MAX];
    if (complaints->errors == errors && !add_client(roster, name, &credentials, &scope, &policy, why, sizeof(why)))
        complaints_error(complaints, file, line, "client %.*s: %s", (int)name.length, name.at, why);
    mem_free(locations);
}
