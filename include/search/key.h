/* SPDX-License-Identifier: MIT */
/* The name under which a window is stored: prefix, version, entity, canonical query, window. Readable by an operator;
 * two windows share a key only if they are the same question. Pure. */
#ifndef NEXGATE_SEARCH_KEY_H
#define NEXGATE_SEARCH_KEY_H

#include "search/page.h"
#include "search/schema.h"

/* A canonical query longer than this is cut here and ends in '~' and the 64 hex digits of its SHA-256; as the result is
 * then longer than any uncut one, the two kinds cannot meet. */
#define KEY_VERSION "v1:" /* of the keys; behind the prefix */
enum { KEY_CANONICAL_MAX = 400, KEY_MAX = 700, KEY_PREFIX_MAX = 200 };

/* PREFIX "v1:" ENTITY ":" CANONICAL "#" SIZE "." INDEX, e.g. nexgate:v1:webhooks:WebHook_Active=true#200.0
 * ('#' is always escaped inside a canonical query). Empties `out` (ceiling at least KEY_MAX + prefix), then fills it.
 */
void key_make(struct buf *out, struct slice prefix, const struct schema *schema, struct slice canonical,
              struct window window);

/* The window that a key ends in; false when it ends in none. */
bool key_window(struct slice key, struct window *window) MUST_CHECK;

/* The part that all windows of a canonical query have in common, up to '#', with it. */
struct slice key_question(struct slice key);

#endif
