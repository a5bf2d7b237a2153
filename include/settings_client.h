/* SPDX-License-Identifier: MIT */
/* From the words of a [client NAME] section to a client of the roster. */
#ifndef NEXGATE_SETTINGS_CLIENT_H
#define NEXGATE_SETTINGS_CLIENT_H

#include "settings_table.h"

/* Adds the client; complaints name the line of the setting (`rows`, of SETTINGS_CLIENT_TABLE), or the heading's,
 * `line`. */
void settings_add_client(struct roster *roster, struct slice name, const struct client_settings *words,
                         const char *file, size_t line, const struct settings_row_read *rows,
                         struct complaints *complaints);

/* "sha256:" and 64 hex digits. */
bool settings_read_digest(struct slice text, uint8_t digest[HASH_SHA256_BYTES]) MUST_CHECK;

#endif
