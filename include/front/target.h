/* SPDX-License-Identifier: MIT */
/* The target of a request and the authority that it is for (RFC 9112 section 3.2, RFC 3986). Pure. */
#ifndef NEXGATE_FRONT_TARGET_H
#define NEXGATE_FRONT_TARGET_H

#include "base/slice.h"

enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_ASTERISK, TARGET_BAD };

/* What stands before the '?' of a target, as a form; `*path` is the part that names the resource: "/" where an absolute
 * target has none. `*authority` is set by an absolute target alone. Only for octets of OCTET_PATH. `why` says what is
 * bad. */
enum target_form target_split(struct slice target, struct slice *authority, struct slice *path, const char **why);

/* uri-host [ ":" port ], not empty. */
bool target_is_authority(struct slice text);

#endif
