/* SPDX-License-Identifier: MIT */
/* Form-encoded text, one byte at a time. Must not know which parameter it belongs to. */
#include "search/form_text.h"

#include "base/codec.h"

enum { CHUNK_BYTES = 256, NO_BYTE = -1 };

/* What stays unescaped in a canonical query beside the unreserved characters: dates and addresses stay readable. */
static const char KEPT[] = ":/";

/* Takes one decoded byte off the front of a text that is not empty; NO_BYTE for a bad escape. */
static int next_byte(struct slice *rest)
{
    size_t used = 1;
    uint8_t byte = (uint8_t)*rest->at;
    if (byte == '+') {
        byte = ' ';
    } else if (byte == '%') {
        if (rest->length < 3 || !codec_unhex(slice_make(rest->at + 1, 2), &byte, 1))
            return NO_BYTE;
        used = 3;
    }
    *rest = slice_make(rest->at + used, rest->length - used);
    return byte;
}

/* The bytes of one character of several bytes, gathered until it is whole. */
struct character {
    char bytes[4];
    size_t have, need; /* need 0: between two characters */
};

/* False when the byte cannot stand here. The first byte tells the length; whether the whole is a character, and the
 * first byte one that may begin it, codec_is_utf8 decides. */
static bool gather(struct character *character, uint8_t byte)
{
    if (character->need == 0) {
        if (byte < 0x80)
            return true;
        character->need = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
        character->have = 0;
    }
    character->bytes[character->have++] = (char)byte;
    if (character->have < character->need)
        return true;
    character->need = 0;
    return codec_is_utf8(slice_make(character->bytes, character->have));
}

enum form_verdict form_check(struct slice raw)
{
    struct character character = {.need = 0};
    while (raw.length > 0) {
        int byte = next_byte(&raw);
        if (byte == NO_BYTE)
            return FORM_BAD_ESCAPE;
        if (byte == 0)
            return FORM_NUL;
        if (!gather(&character, (uint8_t)byte))
            return FORM_NOT_UTF8;
    }
    return character.need == 0 ? FORM_OK : FORM_NOT_UTF8;
}

bool form_is_plain(struct slice raw)
{
    for (size_t i = 0; i < raw.length; i++) {
        if (raw.at[i] == '%' || raw.at[i] == '+')
            return false;
    }
    return true;
}

size_t form_decode(struct slice raw, char *out)
{
    size_t length = 0;
    while (raw.length > 0)
        out[length++] = (char)next_byte(&raw);
    return length;
}

int form_compare(struct slice a, struct slice b)
{
    while (a.length > 0 && b.length > 0) {
        int of_a = next_byte(&a);
        int of_b = next_byte(&b);
        if (of_a != of_b)
            return of_a - of_b;
    }
    return (a.length > 0) - (b.length > 0);
}

void form_spell(struct buf *out, struct slice bytes)
{
    codec_percent(out, bytes, KEPT);
}

void form_respell(struct buf *out, struct slice raw)
{
    if (form_is_plain(raw)) {
        form_spell(out, raw);
        return;
    }
    char chunk[CHUNK_BYTES];
    while (raw.length > 0) {
        size_t length = 0;
        while (raw.length > 0 && length < sizeof(chunk))
            chunk[length++] = (char)next_byte(&raw);
        form_spell(out, slice_make(chunk, length));
    }
}

/* The length without the last character when its end is missing. */
static size_t whole_characters(const char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 3 && ((uint8_t)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (uint8_t)text[start - 1] < 0xC0)
        return length;
    return codec_is_utf8(slice_make(text + start - 1, length - start + 1)) ? length : start - 1;
}

void form_show(struct slice raw, char *out, size_t size)
{
    size_t length = 0;
    while (raw.length > 0 && length + 1 < size) {
        int byte = next_byte(&raw);
        if (byte == NO_BYTE || byte == 0)
            break;
        out[length++] = (char)byte;
    }
    out[whole_characters(out, length)] = '\0';
}
