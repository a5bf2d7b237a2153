/* SPDX-License-Identifier: MIT */
/* Preloaded where instructions are counted: the same randomness in each run, so that hash tables are the same too. */
#include <sys/random.h>

ssize_t getrandom(void *bytes, size_t count, unsigned flags)
{
    static unsigned char next;
    (void)flags;
    for (size_t i = 0; i < count; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)(next = (unsigned char)(next * 5 + 1));
    return (ssize_t)count;
}
