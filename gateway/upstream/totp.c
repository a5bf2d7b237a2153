/* SPDX-License-Identifier: MIT */
/* RFC 6238 over RFC 4226: an HMAC of the step's number, cut down to six digits. */
#include "upstream/totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHA1_BYTES = 20, MODULUS = 1000000 };

int64_t totp_step(int64_t wall_us)
{
    return wall_us / 1000000 / TOTP_STEP_SECONDS;
}

void totp_code(struct slice secret, int64_t step, char code[TOTP_DIGITS + 1])
{
    uint8_t counter[8], mac[SHA1_BYTES];

    for (size_t i = 0; i < sizeof counter; i++)
        counter[i] = (uint8_t)((uint64_t)step >> (8 * (7 - i)));
    const void *key = secret.length > 0 ? secret.at : "";
    if (HMAC(EVP_sha1(), key, (int)secret.length, counter, sizeof counter, mac, NULL) == NULL)
        abort(); /* a libcrypto without SHA-1 can make no code at all */

    /* RFC 4226 section 5.3: the last four bits say where the 31 bits lie. */
    size_t at = mac[SHA1_BYTES - 1] & 0xf;
    uint32_t bits =
        (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    snprintf(code, TOTP_DIGITS + 1, "%06u", (unsigned)(bits % MODULUS));
}
