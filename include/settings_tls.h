/* SPDX-License-Identifier: MIT */
/* The TLS listener's settings: whether they can be served, and as the front takes them. */
#ifndef NEXGATE_SETTINGS_TLS_H
#define NEXGATE_SETTINGS_TLS_H

#include "front/tls.h"
#include "settings_check.h"

/* Complains about what `serve` would refuse: reads the files. After tls_addresses and the roster were filled. */
void settings_check_tls(struct settings *settings, const struct settings_place *place);

/* For tls_new and tls_reload; borrows the settings' texts. */
struct tls_options settings_tls_options(const struct settings *settings);

/* For the start: NULL in `tls` where none is served. False, said on stderr, when the files are no good any more. */
bool settings_tls_make(const struct settings *settings, struct tls **tls) MUST_CHECK;

/* The setting that names the file. */
const char *settings_tls_name(enum tls_file file);

#endif
