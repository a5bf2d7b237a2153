/* SPDX-License-Identifier: MIT */
/* The rows of all settings: those of struct settings, and those of one [client NAME] section. */
#ifndef NEXGATE_SETTINGS_TABLE_H
#define NEXGATE_SETTINGS_TABLE_H

#include "settings.h"

/* What a [client NAME] section says, as read; settings_client.c turns it into a client. */
struct client_settings {
    char *key, *cert, *burst, *concurrency, *businesses;
    struct option_rate rate, misses;
    int64_t weight;
    bool dry_run;
};

/* What the file has of one row. */
struct settings_row_read {
    size_t line;     /* 0: nothing */
    bool is_refused; /* its value was complained of: that it is missing now is no news */
};

extern const struct option SETTINGS_TABLE[];
extern const size_t SETTINGS_COUNT;
extern const struct option SETTINGS_CLIENT_TABLE[];
extern const size_t SETTINGS_CLIENT_COUNT;

#endif
