/* SPDX-License-Identifier: MIT */
/* The version stands in front in clear and is authenticated as part of the place; each text of the place is preceded by
 * its length, so that no two places are the same bytes. */
#include "upstream/sealed.h"

#include "base/random.h"
#include "upstream/grant.h"

#include <limits.h>
#include <openssl/evp.h>

enum { VERSION = 1 };

/* Adds one run of authenticated, unencrypted bytes. */
static bool add_bytes(EVP_CIPHER_CTX *cipher, const void *bytes, size_t length)
{
    int written;

    if (length > INT_MAX)
        return false;
    return length == 0 || EVP_CipherUpdate(cipher, NULL, &written, bytes, (int)length) == 1;
}

static bool add_number(EVP_CIPHER_CTX *cipher, uint64_t number)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> (56 - 8 * i));
    return add_bytes(cipher, bytes, sizeof bytes);
}

static bool add_text(EVP_CIPHER_CTX *cipher, struct slice text)
{
    return add_number(cipher, text.length) && add_bytes(cipher, text.at, text.length);
}

static bool add_place(EVP_CIPHER_CTX *cipher, const struct sealed_place *place)
{
    return add_number(cipher, VERSION) && add_text(cipher, place->prefix) && add_text(cipher, place->client_id) &&
           add_number(cipher, place->generation);
}

static bool begin(EVP_CIPHER_CTX *cipher, const uint8_t *key, const unsigned char *nonce, bool closing,
                  const struct sealed_place *place)
{
    return cipher != NULL &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, nonce, closing) == 1 && /* 12 bytes of nonce */
           add_place(cipher, place);
}

bool sealed_close(const uint8_t key[SEALED_KEY_BYTES], const struct sealed_place *place, struct slice secret,
                  struct buf *sealed)
{
    unsigned char *out;
    int written = 0, rest = 0;
    bool good = false;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

    buf_init(sealed, SEALED_SECRET_MAX + SEALED_EXTRA_BYTES);
    out = secret.length > SEALED_SECRET_MAX ? NULL
                                            : (unsigned char *)buf_room(sealed, secret.length + SEALED_EXTRA_BYTES);
    if (out == NULL)
        goto done;
    out[0] = VERSION;
    random_secret(out + 1, SEALED_NONCE_BYTES);
    unsigned char *text = out + 1 + SEALED_NONCE_BYTES;
    good = begin(cipher, key, out + 1, true, place) &&
           EVP_CipherUpdate(cipher, text, &written, (const unsigned char *)secret.at, (int)secret.length) == 1 &&
           EVP_CipherFinal_ex(cipher, text + written, &rest) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, SEALED_TAG_BYTES, text + secret.length) == 1;
    if (good)
        sealed->length = secret.length + SEALED_EXTRA_BYTES;
done:
    EVP_CIPHER_CTX_free(cipher);
    if (!good)
        buf_free(sealed);
    return good;
}

bool sealed_open(const uint8_t key[SEALED_KEY_BYTES], const struct sealed_place *place, struct slice sealed,
                 struct buf *secret)
{
    unsigned char *out;
    unsigned char tag[SEALED_TAG_BYTES];
    int written = 0, rest = 0;
    bool good = false;
    EVP_CIPHER_CTX *cipher = NULL;

    buf_init(secret, SEALED_SECRET_MAX + 1);
    if (sealed.length < SEALED_EXTRA_BYTES || sealed.length > SEALED_SECRET_MAX + SEALED_EXTRA_BYTES ||
        sealed.at[0] != VERSION)
        return false;
    size_t length = sealed.length - SEALED_EXTRA_BYTES;
    const unsigned char *nonce = (const unsigned char *)sealed.at + 1;
    const unsigned char *text = nonce + SEALED_NONCE_BYTES;
    memcpy(tag, text + length, sizeof tag);
    out = (unsigned char *)buf_room(secret, length + 1);
    if (out == NULL)
        goto done;
    cipher = EVP_CIPHER_CTX_new();
    good = begin(cipher, key, nonce, false, place) && EVP_CipherUpdate(cipher, out, &written, text, (int)length) == 1 &&
           EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, SEALED_TAG_BYTES, tag) == 1 &&
           EVP_CipherFinal_ex(cipher, out + written, &rest) == 1;
    if (good)
        secret->length = length;
    else
        mem_wipe(out, length + 1); /* deciphered, but not to be believed */
done:
    EVP_CIPHER_CTX_free(cipher);
    if (!good)
        buf_free(secret);
    return good;
}

/* A pair: the first after its length in four bytes, then the second. */

bool sealed_close_pair(const uint8_t key[SEALED_KEY_BYTES], const struct sealed_place *place, struct slice first,
                       struct slice second, struct buf *sealed)
{
    struct buf secret;

    buf_init(sealed, 0);
    buf_init(&secret, SEALED_SECRET_MAX);
    if (buf_room(&secret, 4 + first.length + second.length) != NULL) {
        for (unsigned shift = 32; shift > 0; shift -= 8)
            buf_add_char(&secret, (char)(first.length >> (shift - 8) & 0xff));
        buf_add(&secret, first);
        buf_add(&secret, second);
    }
    bool good = buf_ok(&secret) && sealed_close(key, place, buf_slice(&secret), sealed);
    grant_wipe(&secret);
    return good;
}

static bool split(struct slice secret, struct slice *first, struct slice *second)
{
    size_t length = 0;

    if (secret.length < 4)
        return false;
    for (size_t i = 0; i < 4; i++)
        length = length << 8 | (unsigned char)secret.at[i];
    if (length == 0 || length > secret.length - 4)
        return false;
    *first = slice_make(secret.at + 4, length);
    *second = slice_make(secret.at + 4 + length, secret.length - 4 - length);
    return true;
}

bool sealed_open_pair(const uint8_t key[SEALED_KEY_BYTES], const struct sealed_place *place, struct slice sealed,
                      struct buf *first, struct buf *second)
{
    struct slice first_part, second_part;
    struct buf secret;

    buf_init(first, SEALED_SECRET_MAX);
    buf_init(second, SEALED_SECRET_MAX);
    bool good = sealed_open(key, place, sealed, &secret) && split(buf_slice(&secret), &first_part, &second_part);
    if (good) {
        buf_add(first, first_part);
        buf_add(second, second_part);
    }
    grant_wipe(&secret);
    return good && buf_ok(first) && buf_ok(second);
}
