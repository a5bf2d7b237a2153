/* SPDX-License-Identifier: MIT */
/* Digits come from the last to the first, so their number is found out before: they are written where they belong. */
#include "base/decimal.h"

static const char PAIRS[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

size_t decimal_length(uint64_t number)
{
    for (size_t before = 0;; before += 4, number /= 10000) {
        if (number < 10)
            return before + 1;
        if (number < 100)
            return before + 2;
        if (number < 1000)
            return before + 3;
        if (number < 10000)
            return before + 4;
    }
}

char *decimal_write(char *at, size_t length, uint64_t number)
{
    char *place = at + length;
    for (; number >= 100; number /= 100) {
        const char *pair = PAIRS + 2 * (number % 100);
        *--place = pair[1];
        *--place = pair[0];
    }
    if (number >= 10) {
        *--place = PAIRS[2 * number + 1];
        number = number / 10;
    }
    *--place = (char)('0' + number);
    return at + length;
}
