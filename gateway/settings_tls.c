/* SPDX-License-Identifier: MIT */
/* What must come together for TLS, and whether the files hold what they should. Must not start anything. */
#include "settings_tls.h"

#include <stdio.h>
#include <sys/stat.h>

const char *settings_tls_name(enum tls_file file)
{
    switch (file) {
    case TLS_KEY:
        return "tls_key";
    case TLS_CLIENT_CA:
        return "tls_client_ca";
    case TLS_CERTIFICATE:
    default:
        return "tls_certificate";
    }
}

struct tls_options settings_tls_options(const struct settings *settings)
{
    return (struct tls_options){
        .certificate = settings->tls_certificate,
        .key = settings->tls_key,
        .client_ca = settings->tls_client_ca,
        .asks_clients = settings->has_client_certificates,
    };
}

/* Files, or certificates of clients, that nothing would ever look at. */
static void check_unused(const struct settings *settings, const struct settings_place *place)
{
    static const char WHY[] = "means nothing without tls_listen";
    if (settings->tls_certificate != NULL)
        settings_warn(place, "server", "tls_certificate", WHY);
    if (settings->tls_key != NULL)
        settings_warn(place, "server", "tls_key", WHY);
    if (settings->tls_client_ca != NULL)
        settings_warn(place, "server", "tls_client_ca", WHY);
    if (settings->has_client_certificates)
        settings_warn(place, "server", "tls_listen", "clients have a cert, but no listener would ask for it");
}

static void check_files(const struct settings *settings, const struct settings_place *place)
{
    struct tls_options options = settings_tls_options(settings);
    struct tls_error error;
    struct stat found;
    struct tls *tls = tls_new(&options, &error);
    if (tls == NULL)
        settings_complain(place, "server", settings_tls_name(error.file), error.why);
    else if (stat(settings->tls_key, &found) == 0 && (found.st_mode & S_IRWXO) != 0)
        settings_warn(place, "server", "tls_key", "everybody on this machine may read the file");
    tls_free(tls);
}

void settings_check_tls(struct settings *settings, const struct settings_place *place)
{
    settings->has_client_certificates = roster_has_certificates(settings->roster);
    if (settings->tls_addresses[0] == NULL) {
        check_unused(settings, place);
        return;
    }
    if (settings->tls_certificate == NULL)
        settings_complain(place, "server", "tls_certificate", "is needed for tls_listen");
    if (settings->tls_key == NULL)
        settings_complain(place, "server", "tls_key", "is needed for tls_listen");
    if (settings->tls_certificate != NULL && settings->tls_key != NULL)
        check_files(settings, place);
}

bool settings_tls_make(const struct settings *settings, struct tls **tls)
{
    struct tls_options options = settings_tls_options(settings);
    struct tls_error error;
    *tls = NULL;
    if (settings->tls_addresses[0] == NULL)
        return true;
    *tls = tls_new(&options, &error);
    if (*tls == NULL)
        fprintf(stderr, "nexgate: %s: %s\n", settings_tls_name(error.file), error.why);
    return *tls != NULL;
}
