/* SPDX-License-Identifier: MIT */
/* Addresses to listen on, as text and as the kernel has them: "host:port", "[::1]:port", "unix:/path". */
#ifndef NEXGATE_FRONT_ADDRESS_H
#define NEXGATE_FRONT_ADDRESS_H

#include "base/buf.h"

#include <sys/socket.h>

enum { ADDRESS_MAX = 8 };

struct address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/* Up to ADDRESS_MAX addresses, in the resolver's order: numbers are read as such, names are looked up (this may take a
 * while). The count, or 0 with the reason in `why`. */
size_t address_resolve(const char *text, struct address *addresses, char *why, size_t why_size) MUST_CHECK;

/* As text, in the form that address_resolve reads. */
void address_print(const struct address *address, struct buf *out);

/* Whether both are the same host and port, or the same path. */
bool address_equal(const struct address *a, const struct address *b);

/* The path of a unix socket, or NULL. */
const char *address_path(const struct address *address);

/* Whether only this machine can reach what listens there: a unix socket, a loopback number, or "localhost". Asks no
 * resolver. */
bool address_is_local(const char *text);

#endif
