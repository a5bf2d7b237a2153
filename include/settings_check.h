/* SPDX-License-Identifier: MIT */
/* What no single line of the configuration can say: whether the settings fit together and can be served. */
#ifndef NEXGATE_SETTINGS_CHECK_H
#define NEXGATE_SETTINGS_CHECK_H

#include "settings.h"
#include "settings_table.h"

/* Where the settings stand, for complaints. */
struct settings_place {
    const char *file;
    const struct settings_row_read *rows; /* of SETTINGS_TABLE */
    struct complaints *complaints;
};

/* Complains about a setting, at its line; not about one that was refused when it was read. */
void settings_complain(const struct settings_place *place, const char *section, const char *name, const char *why);
void settings_warn(const struct settings_place *place, const char *section, const char *name, const char *why);

/* Checks, and fills what is made from the texts: listen_addresses, tls_addresses, admin_key_digest, further schemas. */
void settings_check(struct settings *settings, const struct settings_place *place);

#endif
