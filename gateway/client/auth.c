/* SPDX-License-Identifier: MIT */
/* Reads a presented key and names its client. A small table remembers credentials that were good, by their bytes as
 * they came, so that SHA-256 is paid once per client and thread. Must not know what the client may do. */
#include "client/auth.h"

#include "base/codec.h"
#include "base/random.h"

enum {
    MEMORY_SLOTS = 64,   /* a power of two; two clients in one slot just take turns */
    CREDENTIAL_MAX = 512 /* bytes of a field value worth remembering or decoding */
};

/* A field value that named a client. Only good ones are remembered, so nobody can fill the table with guesses. */
struct remembered {
    struct client *client; /* NULL: empty */
    bool is_api_key;       /* which field it came in: the two are read differently */
    size_t length;
    char bytes[CREDENTIAL_MAX];
};

struct auth {
    const struct roster *roster;
    struct hash_secret secret;
    struct remembered slots[MEMORY_SLOTS];
};

struct auth *auth_new(const struct roster *roster)
{
    struct auth *auth = mem_try_zeroed(sizeof(*auth));
    if (auth == NULL)
        return NULL;
    auth->roster = roster;
    hash_secret_init(&auth->secret);
    return auth;
}

void auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    mem_wipe(auth, sizeof(*auth));
    mem_free(auth);
}

static struct client *find_key(const struct auth *auth, struct slice key)
{
    if (key.length == 0 || key.length > AUTH_KEY_MAX)
        return NULL;
    uint8_t digest[HASH_SHA256_BYTES];
    hash_sha256(key, digest);
    return roster_find(auth->roster, digest);
}

/* The password of Basic credentials: what follows the first colon (RFC 7617 section 2). */
static struct client *find_basic(const struct auth *auth, struct slice encoded)
{
    struct client *client = NULL;
    struct buf decoded;
    buf_init(&decoded, CREDENTIAL_MAX);
    if (encoded.length <= CREDENTIAL_MAX && codec_unbase64(encoded, &decoded)) {
        const char *colon = decoded.length > 0 ? memchr(decoded.bytes, ':', decoded.length) : NULL;
        if (colon != NULL) {
            size_t before = (size_t)(colon - decoded.bytes) + 1;
            client = find_key(auth, slice_make(colon + 1, decoded.length - before));
        }
    }
    if (decoded.bytes != NULL)
        mem_wipe(decoded.bytes, decoded.length);
    buf_free(&decoded);
    return client;
}

/* SCHEME 1*SP CREDENTIALS (RFC 9110 section 11.4). */
static struct client *find_authorization(const struct auth *auth, struct slice value)
{
    struct slice credentials = value;
    struct slice scheme;
    if (!slice_cut(&credentials, ' ', &scheme))
        return NULL;
    credentials = slice_trim(credentials);
    if (slice_equal_nocase(scheme, slice_of("Bearer")))
        return find_key(auth, credentials);
    if (slice_equal_nocase(scheme, slice_of("Basic")))
        return find_basic(auth, credentials);
    return NULL;
}

/* The client that a field value names, from memory where it was good before. */
static struct client *recall(struct auth *auth, struct slice value, bool is_api_key)
{
    if (value.length == 0 || value.length > CREDENTIAL_MAX)
        return NULL;
    struct remembered *known = &auth->slots[hash_keyed(&auth->secret, value) & (MEMORY_SLOTS - 1)];
    if (known->client != NULL && known->is_api_key == is_api_key && known->length == value.length &&
        mem_equal_secret(known->bytes, value.at, value.length))
        return known->client;
    struct client *client = is_api_key ? find_key(auth, value) : find_authorization(auth, value);
    if (client != NULL) {
        known->client = client;
        known->is_api_key = is_api_key;
        known->length = value.length;
        memcpy(known->bytes, value.at, value.length);
    }
    return client;
}

/* All that was shown must name one client. */
enum auth_verdict auth_check(struct auth *auth, const struct auth_credentials *shown, struct client **client)
{
    struct client *named = NULL;
    bool is_first = true;
    *client = NULL;
    if (shown->authorization.at != NULL) {
        named = recall(auth, shown->authorization, false);
        is_first = false;
    }
    if (shown->api_key.at != NULL) {
        struct client *also = recall(auth, shown->api_key, true);
        if (!is_first && also != named)
            return AUTH_INVALID;
        named = also;
        is_first = false;
    }
    if (shown->certificate.at != NULL) {
        struct client *also = roster_find_certificate(auth->roster, shown->certificate);
        if (also != NULL && !is_first && also != named)
            return AUTH_INVALID;
        if (also != NULL) {
            named = also;
            is_first = false;
        }
    }
    if (is_first)
        return AUTH_MISSING;
    *client = named;
    return named != NULL ? AUTH_KNOWN : AUTH_INVALID;
}

void auth_make_key(struct buf *key, uint8_t digest[HASH_SHA256_BYTES])
{
    uint8_t bytes[32];
    random_secret(bytes, sizeof(bytes));
    buf_reset(key);
    buf_add_text(key, "nxg_");
    codec_base64url(key, bytes, sizeof(bytes));
    hash_sha256(buf_slice(key), digest);
    mem_wipe(bytes, sizeof(bytes));
}
