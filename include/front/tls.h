/* SPDX-License-Identifier: MIT */
/* What a TLS listener shows of itself and asks of its clients: certificate, key, and whose signature a client's
 * certificate must bear. Made from files, and anew from files while connections go on. Any thread. */
#ifndef NEXGATE_FRONT_TLS_H
#define NEXGATE_FRONT_TLS_H

#include "base/mem.h"

#include <stdbool.h>

enum { TLS_WHY_MAX = 300 };

/* Paths of PEM files. */
struct tls_options {
    const char *certificate; /* the chain, the server's own first */
    const char *key;
    const char *client_ca; /* NULL: a client's certificate may be signed by anybody, itself included */
    bool asks_clients;     /* for a certificate, which they may have or not; with a client_ca always */
};

/* Which file is to blame. */
enum tls_file { TLS_CERTIFICATE, TLS_KEY, TLS_CLIENT_CA };

struct tls_error {
    enum tls_file file;
    char why[TLS_WHY_MAX];
};

struct tls;

/* Reads the files. NULL, with the error filled, when they cannot be served: also the way to check them. */
struct tls *tls_new(const struct tls_options *options, struct tls_error *error) MUST_CHECK;

/* Reads the files anew. Later handshakes use what is in them; connections that are there go on as they are, but their
 * session tickets are good no more. False, with the error filled, when nothing was changed. */
bool tls_reload(struct tls *tls, const struct tls_options *options, struct tls_error *error) MUST_CHECK;

/* Connections that are there go on. NULL is fine. */
void tls_free(struct tls *tls);

#endif
