/* SPDX-License-Identifier: MIT */
/* Certificates made on the spot, and the client's side of TLS. */
#ifndef NEXGATE_TESTS_TLS_BENCH_H
#define NEXGATE_TESTS_TLS_BENCH_H

#include "base/hash.h"
#include "front/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TLS_PATH_MAX = 80 };

/* A key and its certificate, also as files. */
struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char folder[TLS_PATH_MAX - 16], certificate_path[TLS_PATH_MAX], key_path[TLS_PATH_MAX];
    uint8_t digest[HASH_SHA256_BYTES]; /* of the certificate */
};

static inline void identity_must(bool done)
{
    if (done)
        return;
    ERR_print_errors_fp(stderr);
    abort();
}

static inline void identity_add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    identity_must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static inline void identity_write(struct identity *identity)
{
    FILE *file = fopen(identity->certificate_path, "w");
    identity_must(file != NULL && PEM_write_X509(file, identity->certificate) == 1);
    fclose(file);
    file = fopen(identity->key_path, "w");
    identity_must(file != NULL && PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
    chmod(identity->key_path, 0600);
}

/* Signed by `issuer`, or by itself when that is NULL; then it may sign others. */
static inline void identity_make(struct identity *identity, const char *name, const struct identity *issuer)
{
    static int serial;
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_NAME_new();
    *identity = (struct identity){.key = EVP_EC_gen("P-256"), .certificate = certificate};
    identity_must(identity->key != NULL && certificate != NULL && subject != NULL);
    identity_must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0));
    identity_must(X509_set_version(certificate, 2) && ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial));
    identity_must(X509_set_subject_name(certificate, subject) && X509_set_pubkey(certificate, identity->key));
    identity_must(
        X509_set_issuer_name(certificate, issuer != NULL ? X509_get_subject_name(issuer->certificate) : subject));
    X509_gmtime_adj(X509_getm_notBefore(certificate), -24L * 3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24L * 3600);
    if (issuer == NULL)
        identity_add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    identity_must(X509_sign(certificate, issuer != NULL ? issuer->key : identity->key, EVP_sha256()) > 0);
    X509_NAME_free(subject);
    identity_must(X509_digest(certificate, EVP_sha256(), identity->digest, NULL) == 1);

    snprintf(identity->folder, sizeof(identity->folder), "/tmp/nexgate-tls-XXXXXX");
    identity_must(mkdtemp(identity->folder) != NULL);
    snprintf(identity->certificate_path, TLS_PATH_MAX, "%s/cert.pem", identity->folder);
    snprintf(identity->key_path, TLS_PATH_MAX, "%s/key.pem", identity->folder);
    identity_write(identity);
}

static inline void identity_free(struct identity *identity)
{
    unlink(identity->certificate_path);
    unlink(identity->key_path);
    rmdir(identity->folder);
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

static inline struct tls *identity_serve(const struct identity *identity, const struct identity *client_ca,
                                         bool asks_clients)
{
    struct tls_options options = {identity->certificate_path, identity->key_path,
                                  client_ca != NULL ? client_ca->certificate_path : NULL, asks_clients};
    struct tls_error error;
    struct tls *tls = tls_new(&options, &error);
    if (tls == NULL) {
        fprintf(stderr, "%s\n", error.why);
        abort();
    }
    return tls;
}

/* For clients that believe everything. */
static inline SSL_CTX *tls_client_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    identity_must(context != NULL);
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return context;
}

#endif
