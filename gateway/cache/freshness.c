/* SPDX-License-Identifier: MIT */
/* Reads a request's Cache-Control and judges an age by it. Must not know what is stored or where. */
#include "cache/freshness.h"

#include "base/clock.h"

/* No lifetime of ours is longer; a greater number means the same and cannot overflow. */
enum { FRESHNESS_SECONDS_MAX = 366 * 86400 };

/* delta-seconds of RFC 9111 section 1.2.2, quoted or not (a recipient should take both): µs, or -1 when it is none. */
static int64_t read_seconds(struct slice value)
{
    if (value.length >= 2 && value.at[0] == '"' && value.at[value.length - 1] == '"')
        value = slice_make(value.at + 1, value.length - 2);
    if (value.length == 0)
        return -1;
    int64_t seconds = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return -1;
        seconds = seconds * 10 + (value.at[i] - '0');
        if (seconds > FRESHNESS_SECONDS_MAX)
            seconds = FRESHNESS_SECONDS_MAX;
    }
    return seconds * CLOCK_SECOND;
}

/* Cuts one directive off the list; a comma inside a quoted string does not end it. */
static bool cut_directive(struct slice *list, struct slice *directive)
{
    if (list->length == 0)
        return false;
    bool quoted = false;
    size_t end = 0;
    for (; end < list->length; end++) {
        char c = list->at[end];
        if (c == '"')
            quoted = !quoted;
        else if (quoted && c == '\\' && end + 1 < list->length)
            end++;
        else if (c == ',' && !quoted)
            break;
    }
    *directive = slice_trim(slice_make(list->at, end));
    size_t next = end < list->length ? end + 1 : end;
    *list = slice_make(list->at + next, list->length - next);
    return true;
}

static void read_directive(struct slice directive, struct cache_directives *directives)
{
    struct slice name = directive;
    struct slice value = {NULL, 0};
    const char *equals = directive.length > 0 ? memchr(directive.at, '=', directive.length) : NULL;
    if (equals != NULL) {
        name = slice_make(directive.at, (size_t)(equals - directive.at));
        value = slice_make(equals + 1, directive.length - name.length - 1);
    }
    int64_t us = read_seconds(value);
    int64_t strict = us >= 0 ? us : 0;
    if (slice_equal_nocase(name, slice_of("no-cache"))) {
        directives->no_cache = true;
    } else if (slice_equal_nocase(name, slice_of("no-store"))) {
        directives->no_store = true;
    } else if (slice_equal_nocase(name, slice_of("only-if-cached"))) {
        directives->only_if_cached = true;
    } else if (slice_equal_nocase(name, slice_of("max-age"))) {
        if (directives->max_age_us < 0 || strict < directives->max_age_us)
            directives->max_age_us = strict;
    } else if (slice_equal_nocase(name, slice_of("min-fresh"))) {
        /* A bad number asks for more freshness than anything has. */
        int64_t wanted = us >= 0 ? us : FRESHNESS_SECONDS_MAX * CLOCK_SECOND;
        if (wanted > directives->min_fresh_us)
            directives->min_fresh_us = wanted;
    } else if (slice_equal_nocase(name, slice_of("max-stale"))) {
        if (equals == NULL)
            directives->max_stale_any = true;
        else if (us >= 0)
            directives->max_stale_us = us;
    }
}

void freshness_read(struct slice cache_control, bool pragma_no_cache, struct cache_directives *directives)
{
    *directives = (struct cache_directives){.max_age_us = -1, .min_fresh_us = -1, .max_stale_us = -1};
    if (cache_control.at == NULL) {
        directives->no_cache = pragma_no_cache;
        return;
    }
    struct slice directive;
    while (cut_directive(&cache_control, &directive))
        read_directive(directive, directives);
    if (directives->max_age_us == 0)
        directives->no_cache = true;
}

bool freshness_leaves_stale_to_us(const struct cache_directives *directives, int64_t age_us, int64_t ttl_us)
{
    if (directives->no_cache || directives->min_fresh_us > 0)
        return false;
    if (directives->max_stale_us >= 0 && !directives->max_stale_any && age_us - ttl_us > directives->max_stale_us)
        return false; /* it named its own bound */
    return directives->max_age_us < 0 || age_us <= directives->max_age_us;
}

enum freshness freshness_judge(const struct cache_directives *directives, int64_t age_us, int64_t ttl_us)
{
    if (directives->no_cache)
        return age_us < ttl_us ? FRESHNESS_REFUSED : FRESHNESS_STALE;
    if (directives->max_age_us >= 0 && age_us > directives->max_age_us) {
        /* RFC 9111 section 5.2.1.1: unless max-stale is present too. */
        int64_t past = age_us - directives->max_age_us;
        if (!directives->max_stale_any && past > directives->max_stale_us)
            return age_us < ttl_us ? FRESHNESS_REFUSED : FRESHNESS_STALE;
    }
    if (age_us < ttl_us) {
        if (directives->min_fresh_us >= 0 && ttl_us - age_us < directives->min_fresh_us)
            return FRESHNESS_REFUSED;
        return FRESHNESS_FRESH;
    }
    if (directives->min_fresh_us > 0)
        return FRESHNESS_STALE;
    if (directives->max_stale_any || (directives->max_stale_us >= 0 && age_us - ttl_us <= directives->max_stale_us))
        return FRESHNESS_STALE_ASKED;
    return FRESHNESS_STALE;
}
