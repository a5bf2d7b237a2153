/* SPDX-License-Identifier: MIT */
/* A client's whole life on one connection: bytes, waits, half-closes, late answers. However its bytes are cut, it must
 * get the same answers, whole and in order, and nothing may be left when it is gone. The first byte is the size of a
 * piece, but there are about PIECES_MAX at most: the kernel keeps so many for a server that is not reading now. */
#include "fuzz/house.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIECES_MAX = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bench *bench;
    struct buf whole, cut;
    if (size < 2)
        return 0;
    if (bench == NULL)
        bench = bench_new(), bench->handler.start = house_start;
    buf_init(&whole, BENCH_IN_MAX);
    buf_init(&cut, BENCH_IN_MAX);
    house_live(bench, data + 1, size - 1, SIZE_MAX, &whole);
    house_live(bench, data + 1, size - 1, 1 + data[0] + size / PIECES_MAX, &cut);
    assert(slice_equal(buf_slice(&whole), buf_slice(&cut)));
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
