/* SPDX-License-Identifier: MIT */
/* Encodings of bytes as text. Strict: what has two spellings elsewhere is refused here. */
#include "base/codec.h"

static const char HEX[] = "0123456789abcdef";
static const char HEX_UPPER[] = "0123456789ABCDEF";

void codec_hex(struct buf *out, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_add_char(out, HEX[bytes[i] >> 4]);
        buf_add_char(out, HEX[bytes[i] & 15]);
    }
}

/* The value of a hexadecimal digit, or -1. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool codec_is_lower_hex(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

bool codec_unhex(struct slice text, uint8_t *bytes, size_t count)
{
    if (text.length != 2 * count)
        return false;
    for (size_t i = 0; i < count; i++) {
        int high = digit_value(text.at[2 * i]);
        int low = digit_value(text.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void codec_base64url(struct buf *out, const uint8_t *bytes, size_t count)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < count; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6)
            buf_add_char(out, alphabet[(bits >> (held - 6)) & 63]);
    }
    if (held > 0)
        buf_add_char(out, alphabet[(bits << (6 - held)) & 63]);
}

/* The value of a letter in the alphabets of base64 (63: '/') and base32, or -1. */
static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int base32_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

bool codec_unbase64(struct slice text, struct buf *out)
{
    if (text.length % 4 != 0)
        return false;
    size_t letters = text.length;
    while (letters > 0 && text.length - letters < 2 && text.at[letters - 1] == '=')
        letters--;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < letters; i++) {
        int value = base64_value(text.at[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            buf_add_char(out, (char)(bits >> held & 255));
        }
    }
    return (bits & ((UINT32_C(1) << held) - 1)) == 0 && buf_ok(out);
}

bool codec_unbase32(struct slice text, struct buf *out)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t letters = 0;
    bool padded = false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        if (c == ' ')
            continue;
        if (c == '=') {
            padded = true;
            continue;
        }
        int value = base32_value(c);
        if (value < 0 || padded)
            return false;
        letters++;
        bits = bits << 5 | (uint32_t)value;
        held += 5;
        if (held >= 8) {
            held -= 8;
            buf_add_char(out, (char)(bits >> held & 255));
        }
    }
    size_t tail = letters % 8; /* lengths that no number of whole bytes has */
    bool possible = tail != 1 && tail != 3 && tail != 6;
    return possible && (bits & ((UINT32_C(1) << held) - 1)) == 0 && buf_ok(out);
}

/* How many bytes at the start are neither '+' nor '%'. */
static size_t literal_run(struct slice text)
{
    size_t run = 0;
    while (run < text.length && text.at[run] != '+' && text.at[run] != '%')
        run++;
    return run;
}

bool codec_unpercent(struct slice text, struct buf *out)
{
    while (text.length > 0) {
        size_t taken = literal_run(text);
        buf_add(out, slice_make(text.at, taken));
        if (taken == text.length)
            break;
        if (text.at[taken] == '+') {
            buf_add_char(out, ' ');
            taken++;
        } else {
            int high = text.length - taken > 2 ? digit_value(text.at[taken + 1]) : -1;
            int low = text.length - taken > 2 ? digit_value(text.at[taken + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            buf_add_char(out, (char)(high << 4 | low));
            taken += 3;
        }
        text = slice_make(text.at + taken, text.length - taken);
    }
    return buf_ok(out);
}

static bool is_kept(char c, const char *also)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~' || (c != '\0' && strchr(also, c) != NULL);
}

void codec_percent(struct buf *out, struct slice bytes, const char *also)
{
    for (size_t i = 0; i < bytes.length; i++) {
        size_t from = i;
        while (i < bytes.length && is_kept(bytes.at[i], also))
            i++;
        buf_add(out, slice_make(bytes.at + from, i - from));
        if (i == bytes.length)
            return;
        unsigned char byte = (unsigned char)bytes.at[i];
        buf_add(out, slice_make((const char[]){'%', HEX_UPPER[byte >> 4], HEX_UPPER[byte & 15]}, 3));
    }
}

/* Bytes of the sequence that a first byte opens, 0 when it opens none; `*low` and `*high` bound the second byte (RFC
 * 3629 section 4), which is what keeps overlong forms, surrogates and too large code points out. */
static size_t sequence_length(unsigned char first, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF) {
        *low = first == 0xE0 ? 0xA0 : 0x80;
        *high = first == 0xED ? 0x9F : 0xBF;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        *low = first == 0xF0 ? 0x90 : 0x80;
        *high = first == 0xF4 ? 0x8F : 0xBF;
        return 4;
    }
    return 0;
}

/* How many of the eight-byte words at the start hold ASCII alone, in bytes: most text is, and is passed over quickly.
 */
static size_t ascii_words(const unsigned char *at, size_t length)
{
    size_t i = 0;
    uint64_t word;
    for (; length - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, at + i, sizeof(word));
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    return i;
}

bool codec_is_utf8(struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    size_t i = 0;
    while (i < bytes.length) {
        i += ascii_words(at + i, bytes.length - i);
        if (i == bytes.length)
            break;
        unsigned char low, high;
        size_t length = sequence_length(at[i], &low, &high);
        if (length == 0 || length > bytes.length - i)
            return false;
        for (size_t next = 1; next < length; next++) {
            if (at[i + next] < low || at[i + next] > high)
                return false;
            low = 0x80;
            high = 0xBF;
        }
        i += length;
    }
    return true;
}
