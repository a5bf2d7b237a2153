/* SPDX-License-Identifier: MIT */
/* Hashes, by xxhash and libcrypto. Must not know what is hashed. */
#include "base/hash.h"

#include "base/random.h"

#define XXH_INLINE_ALL
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

_Static_assert((int)HASH_SECRET_BYTES >= (int)XXH3_SECRET_SIZE_MIN, "the secret is as long as XXH3 needs it");
_Static_assert((int)HASH_SHA256_BYTES == (int)SHA256_DIGEST_LENGTH, "a digest is a digest");

void hash_secret_init(struct hash_secret *secret)
{
    random_secret(secret->bytes, sizeof(secret->bytes));
}

uint64_t hash_keyed(const struct hash_secret *secret, struct slice bytes)
{
    return XXH3_64bits_withSecret(bytes.at, bytes.length, secret->bytes, sizeof(secret->bytes));
}

static struct hash128 to_hash128(XXH128_hash_t hash)
{
    return (struct hash128){hash.low64, hash.high64};
}

struct hash128 hash_open(struct slice bytes)
{
    return to_hash128(XXH3_128bits(bytes.at, bytes.length));
}

struct hash128 hash_open_parts(const struct slice *parts, size_t count)
{
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (size_t i = 0; i < count; i++)
        XXH3_128bits_update(&state, parts[i].at, parts[i].length);
    return to_hash128(XXH3_128bits_digest(&state));
}

/* SHA256() would look the algorithm up at every call, which costs several times the hashing of a key. What is found is
 * the same for the whole process and never changes. */
static EVP_MD *sha256;

static void find_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void hash_sha256(struct slice bytes, uint8_t digest[HASH_SHA256_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_sha256);
    if (sha256 == NULL || EVP_Digest(bytes.at, bytes.length, digest, NULL, sha256, NULL) != 1) {
        fprintf(stderr, "nexgate: libcrypto gives no SHA-256\n");
        abort();
    }
}
