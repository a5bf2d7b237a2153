/* SPDX-License-Identifier: MIT */
/* Contexts of OpenSSL: read from files, replaced as a whole. Must not know sockets. */
#include "front/tls.h"

#include "front/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    CHAIN_BYTES_MAX = 32 * 1024, /* of a client's certificates */
    CHAIN_DEPTH_MAX = 8
};

struct tls {
    pthread_mutex_t lock;
    SSL_CTX *context;
};

static bool fail(struct tls_error *error, enum tls_file file, const char *why)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    error->file = file;
    if (reason != NULL)
        snprintf(error->why, sizeof(error->why), "%s (%s)", why, reason);
    else
        snprintf(error->why, sizeof(error->why), "%s", why);
    ERR_clear_error();
    return false;
}

/* What the kernel says is clearer than what OpenSSL makes of it. */
static bool check_readable(const char *path, enum tls_file file, struct tls_error *error)
{
    FILE *stream = fopen(path, "re");
    char text[128];
    error->file = file;
    if (stream == NULL) {
        snprintf(error->why, sizeof(error->why), "cannot read %s: %s", path, strerror_r(errno, text, sizeof(text)));
        return false;
    }
    fclose(stream);
    return true;
}

/* Nobody is there to be asked. */
static int no_passphrase(char *room, int size, int for_writing, void *asked)
{
    (void)room;
    (void)size;
    (void)for_writing;
    *(bool *)asked = true;
    return -1;
}

static bool use_key(SSL_CTX *context, const char *path, struct tls_error *error)
{
    FILE *stream = fopen(path, "re");
    bool asked = false;
    EVP_PKEY *key = stream != NULL ? PEM_read_PrivateKey(stream, NULL, no_passphrase, &asked) : NULL;
    bool good = key != NULL;
    if (stream != NULL)
        fclose(stream);
    if (asked) {
        ERR_clear_error();
        fail(error, TLS_KEY, "is encrypted; nexgate asks nobody for a passphrase");
    } else if (!good) {
        fail(error, TLS_KEY, "holds no private key in PEM");
    } else if (SSL_CTX_use_PrivateKey(context, key) != 1 || SSL_CTX_check_private_key(context) != 1) {
        good = fail(error, TLS_KEY, "does not belong to the certificate");
    }
    EVP_PKEY_free(key);
    return good;
}

/* Whoever signed it: what counts is that its key is held, and its fingerprint. */
static int accept_any(int verified, X509_STORE_CTX *chain)
{
    (void)verified;
    (void)chain;
    return 1;
}

static bool ask_clients(SSL_CTX *context, const struct tls_options *options, struct tls_error *error)
{
    static const unsigned char NAME[] = "nexgate"; /* sessions are of one purpose here */
    SSL_CTX_set_session_id_context(context, NAME, sizeof(NAME) - 1);
    SSL_CTX_set_verify_depth(context, CHAIN_DEPTH_MAX);
    SSL_CTX_set_max_cert_list(context, CHAIN_BYTES_MAX);
    if (options->client_ca == NULL) {
        if (options->asks_clients)
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
        return true;
    }
    if (!check_readable(options->client_ca, TLS_CLIENT_CA, error))
        return false;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(options->client_ca);
    if (names == NULL || SSL_CTX_load_verify_file(context, options->client_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fail(error, TLS_CLIENT_CA, "holds no certificate in PEM");
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return true;
}

/* Only HTTP/1.1 is spoken here; who offers protocols and not this one is told so (RFC 7301 section 3.2). */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
                           unsigned offered_length, void *context)
{
    static const char OURS[] = "http/1.1";
    (void)ssl;
    (void)context;
    for (unsigned at = 0; at < offered_length; at += 1U + offered[at]) {
        if (offered[at] == sizeof(OURS) - 1 && at + offered[at] < offered_length &&
            memcmp(offered + at + 1, OURS, sizeof(OURS) - 1) == 0) {
            *chosen = offered + at + 1;
            *length = offered[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Forward secrecy and authenticated encryption; of TLS 1.3 all that OpenSSL offers. */
static bool set_protocol(SSL_CTX *context)
{
    static const char CIPHERS[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* clients keep their sessions, as tickets */
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS) == 1;
}

static SSL_CTX *make_context(const struct tls_options *options, struct tls_error *error)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || !set_protocol(context))
        fail(error, TLS_CERTIFICATE, "cannot be served");
    else if (check_readable(options->certificate, TLS_CERTIFICATE, error) &&
             (SSL_CTX_use_certificate_chain_file(context, options->certificate) == 1 ||
              fail(error, TLS_CERTIFICATE, "holds no certificate in PEM that can be served")) &&
             check_readable(options->key, TLS_KEY, error) && use_key(context, options->key, error) &&
             ask_clients(context, options, error))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

struct tls *tls_new(const struct tls_options *options, struct tls_error *error)
{
    SSL_CTX *context = make_context(options, error);
    if (context == NULL)
        return NULL;
    struct tls *tls = mem_try_new(sizeof(*tls));
    if (tls == NULL) {
        SSL_CTX_free(context);
        error->file = TLS_CERTIFICATE;
        snprintf(error->why, sizeof(error->why), "out of memory");
        return NULL;
    }
    pthread_mutex_init(&tls->lock, NULL);
    tls->context = context;
    return tls;
}

bool tls_reload(struct tls *tls, const struct tls_options *options, struct tls_error *error)
{
    SSL_CTX *context = make_context(options, error);
    if (context == NULL)
        return false;
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *before = tls->context;
    tls->context = context;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(before);
    return true;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->lock);
    mem_free(tls);
}

SSL *tls_make_ssl(struct tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    SSL *ssl = SSL_new(tls->context); /* has a reference to it from now on */
    pthread_mutex_unlock(&tls->lock);
    return ssl;
}
