/* SPDX-License-Identifier: MIT */
/* A table of typed settings: one row says name, type, range, default, whether it can be reloaded, whether it is secret,
 * and what it means; reading, checking, listing and the documentation's test all come from it. Knows no setting itself.
 */
#ifndef NEXGATE_BASE_OPTIONS_H
#define NEXGATE_BASE_OPTIONS_H

#include "base/buf.h"

enum option_type {
    OPTION_TEXT,     /* char *, owned; empty is NULL */
    OPTION_INTEGER,  /* int64_t */
    OPTION_DURATION, /* int64_t, µs */
    OPTION_SIZE,     /* int64_t, bytes */
    OPTION_RATE,     /* struct option_rate */
    OPTION_SHARE,    /* int64_t, per cent 0..100, written "50%" */
    OPTION_FLAG,     /* bool: yes or no */
    OPTION_CHOICE,   /* int: index into `choices`, written "a|b|c" */
};

enum {
    OPTION_RELOADABLE = 1, /* SIGHUP puts a new value in force */
    OPTION_SECRET = 2,     /* never shown; NAME_file is accepted too */
    OPTION_RESERVED = 4    /* a promised setting whose engine this build lacks: only its default is accepted */
};

struct option_rate {
    int64_t count; /* 0: unlimited */
    int64_t period_us;
};

struct option {
    const char *section;
    const char *name;
    enum option_type type;
    unsigned flags;
    size_t offset;            /* of the value in the caller's struct */
    const char *default_text; /* as it would be written; for OPTION_RATE "unlimited" is understood */
    int64_t min, max;         /* of the number, in the type's unit; both 0: no bounds. For OPTION_TEXT: of its length */
    const char *choices;      /* OPTION_CHOICE only */
    const char *help;         /* one sentence */
};

enum { OPTION_WHY_MAX = 256 };

/* Reads `text` into the row's place in `values`. False with the reason ("expected …", "out of memory") in `why`. */
bool option_set(const struct option *option, void *values, struct slice text, char why[OPTION_WHY_MAX]) MUST_CHECK;

/* Sets every row's default; a default that does not fit its own row is our mistake and aborts. False when there is no
 * memory for all; to be freed in either case. */
bool options_defaults(const struct option *table, size_t count, void *values) MUST_CHECK;

/* Whether two structs have the same value in the row. */
bool option_equal(const struct option *option, const void *values, const void *others);

/* Puts the value of `from` in the place of the one in `to`. False when there is no memory for it; nothing has changed
 * then. */
bool option_copy(const struct option *option, void *to, const void *from) MUST_CHECK;

/* Frees the texts. */
void options_free(const struct option *table, size_t count, void *values);

const struct option *options_find(const struct option *table, size_t count, struct slice section, struct slice name);

/* The name in the section that is nearest to a misspelt one, or NULL when none is near. */
const char *options_nearest(const struct option *table, size_t count, struct slice section, struct slice name);

/* For `nexgate settings`: section, name, type, range, default, reloadable, help, tab-separated, one line each. */
void options_list(const struct option *table, size_t count, struct buf *out);

#endif
