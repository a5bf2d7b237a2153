/* SPDX-License-Identifier: MIT */
/* The nearest name, by optimal string alignment distance (Damerau 1964, restricted): insert, delete, replace, swap
 * neighbours. */
#include "base/nearest.h"

void nearest_init(struct nearest *nearest, struct slice wanted)
{
    *nearest = (struct nearest){.wanted = wanted};
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Three rows of the usual table: two back, one back, this one. Both lengths are at most NEAREST_NAME_MAX. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned rows[3][NEAREST_NAME_MAX + 1];
    for (unsigned j = 0; j <= b.length; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.length; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b.length; j++) {
            bool same = lower(a.at[i - 1]) == lower(b.at[j - 1]);
            row[j] = smaller(smaller(above[j] + 1, row[j - 1] + 1), above[j - 1] + !same);
            bool swapped =
                i > 1 && j > 1 && lower(a.at[i - 1]) == lower(b.at[j - 2]) && lower(a.at[i - 2]) == lower(b.at[j - 1]);
            if (swapped)
                row[j] = smaller(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.length % 3][b.length];
}

void nearest_consider(struct nearest *nearest, struct slice candidate)
{
    size_t longer = nearest->wanted.length > candidate.length ? nearest->wanted.length : candidate.length;
    if (nearest->wanted.length == 0 || longer > NEAREST_NAME_MAX)
        return;
    unsigned found = distance(nearest->wanted, candidate);
    if (found > longer / 3 || (nearest->best.length > 0 && found >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = found;
}
