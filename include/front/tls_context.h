/* SPDX-License-Identifier: MIT */
/* What the TLS of one connection takes from that of the listener. Private to tls.c and tls_stream.c, the only ones that
 * know OpenSSL's types. */
#ifndef NEXGATE_FRONT_TLS_CONTEXT_H
#define NEXGATE_FRONT_TLS_CONTEXT_H

#include "front/tls.h"

#include <openssl/ssl.h>

/* With the files as they were read last; NULL when memory is out. Any thread. */
SSL *tls_make_ssl(struct tls *tls) MUST_CHECK;

#endif
