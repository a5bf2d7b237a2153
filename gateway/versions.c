/* SPDX-License-Identifier: MIT */
/* Asks each library who it is. */
#include "versions.h"

#include "app.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <lz4.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <stdio.h>
#include <xxhash.h>

enum { ROWS = 9, NUMBER_MAX = 48 };

struct versions {
    char hiredis[NUMBER_MAX], xxhash[NUMBER_MAX], seccomp[NUMBER_MAX];
    struct log_field rows[ROWS];
};

/* libcurl's own text names the libraries that it uses in turn. */
static struct slice curl_text(void)
{
    static const struct slice HEAD = SLICE("libcurl/");
    struct slice text = slice_of(curl_version());
    return slice_starts_with(text, HEAD) ? slice_make(text.at + HEAD.length, text.length - HEAD.length) : text;
}

/* hiredis tells its version to the compiler alone. */
static void read_versions(struct versions *versions)
{
    const struct scmp_version *seccomp = seccomp_version();
    unsigned xxhash = XXH_versionNumber();
    snprintf(versions->hiredis, NUMBER_MAX, "%d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    snprintf(versions->xxhash, NUMBER_MAX, "%u.%u.%u", xxhash / 10000, xxhash / 100 % 100, xxhash % 100);
    snprintf(versions->seccomp, NUMBER_MAX, "%u.%u.%u", seccomp->major, seccomp->minor, seccomp->micro);
    const struct log_field rows[ROWS] = {
        LOG_TEXT("nexgate", slice_of(NEXGATE_VERSION)),
        LOG_TEXT("libevent", slice_of(event_get_version())),
        LOG_TEXT("libcurl", curl_text()),
        LOG_TEXT("jansson", slice_of(jansson_version_str())),
        LOG_TEXT("hiredis", slice_of(versions->hiredis)),
        LOG_TEXT("openssl", slice_of(OpenSSL_version(OPENSSL_VERSION_STRING))),
        LOG_TEXT("xxhash", slice_of(versions->xxhash)),
        LOG_TEXT("lz4", slice_of(LZ4_versionString())),
        LOG_TEXT("libseccomp", slice_of(versions->seccomp)),
    };
    memcpy(versions->rows, rows, sizeof(rows));
}

void versions_print(void)
{
    struct versions versions;
    read_versions(&versions);
    for (size_t i = 0; i < ROWS; i++)
        printf("%s %.*s\n", versions.rows[i].name, (int)versions.rows[i].text.length, versions.rows[i].text.at);
}

void versions_log(struct log *log)
{
    struct versions versions;
    read_versions(&versions);
    log_write(log, LOG_LEVEL_INFO, "starting", versions.rows, ROWS);
}
