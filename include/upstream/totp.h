/* SPDX-License-Identifier: MIT */
/* One-time codes: RFC 6238 with HMAC-SHA-1, 30 seconds, 6 digits. Pure. */
#ifndef NEXGATE_UPSTREAM_TOTP_H
#define NEXGATE_UPSTREAM_TOTP_H

#include "base/slice.h"

#include <stdint.h>

enum { TOTP_DIGITS = 6, TOTP_STEP_SECONDS = 30 };

/* The number of the time step at `wall_us`. */
int64_t totp_step(int64_t wall_us);

/* The code of a step for the secret's raw bytes, NUL-terminated. */
void totp_code(struct slice secret, int64_t step, char code[TOTP_DIGITS + 1]);

#endif
