/* SPDX-License-Identifier: MIT */
/* The sockets that the process listens on: opened by itself, or inherited (inherited.h) and shared by all workers. */
#ifndef NEXGATE_LISTENING_H
#define NEXGATE_LISTENING_H

#include "base/log.h"
#include "inherited.h"
#include "settings.h"

enum { LISTENING_WORKERS_MAX = 256, LISTENING_PUBLIC_MAX = 2 * SETTINGS_LISTEN_MAX };

struct listening;

/* Finds or opens a socket for every address of the settings: the public ones once for each worker. An inherited socket
 * belongs to the address that it is bound to; one named "public", "tls" or "admin" otherwise takes the place of the
 * next address of listen, tls_listen or admin that has none. NULL, with the reason on stderr, when an address cannot be
 * opened, an inherited socket belongs to none, or the words about them make no sense. Logs each address. */
struct listening *listening_open(const struct settings *settings, size_t workers, const struct inherited_words *words,
                                 struct log *log) MUST_CHECK;

/* Hands out the public sockets of one worker: `*plain` without TLS, then those with it. Returns how many there are;
 * they are the caller's. Once for each worker. */
size_t listening_take_public(struct listening *listening, size_t worker, int own[LISTENING_PUBLIC_MAX], size_t *plain);

/* Hands out the admin socket, or -1 where there is none. */
int listening_take_admin(struct listening *listening);

/* Closes what was not handed out. NULL is fine. */
void listening_free(struct listening *listening);

#endif
