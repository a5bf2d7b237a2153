/* SPDX-License-Identifier: MIT */
/* Numbers with units. Must not know which setting they belong to. */
#include "base/units.h"

#include "base/clock.h"

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit DURATIONS[] = {
    {"ms", CLOCK_MILLISECOND},  {"s", CLOCK_SECOND}, {"m", 60 * CLOCK_SECOND},
    {"h", 3600 * CLOCK_SECOND}, {"d", CLOCK_DAY},
};

static const struct unit SIZES[] = {
    {"b", 1},
    {"kb", INT64_C(1) << 10},
    {"mb", INT64_C(1) << 20},
    {"gb", INT64_C(1) << 30},
};

static const struct unit PERIODS[] = {
    {"ms", CLOCK_MILLISECOND},  {"s", CLOCK_SECOND}, {"m", 60 * CLOCK_SECOND},
    {"h", 3600 * CLOCK_SECOND}, {"day", CLOCK_DAY},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

bool units_integer(struct slice text, int64_t *number)
{
    bool negative = text.length > 0 && text.at[0] == '-';
    size_t i = negative;
    if (i == text.length)
        return false;
    int64_t value = 0; /* kept negative, as the negative range is the wider one */
    for (; i < text.length; i++) {
        char c = text.at[i];
        if (c < '0' || c > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, c - '0', &value))
            return false;
    }
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return false;
    *number = value;
    return true;
}

/* Splits digits from the unit behind them; both must be there. */
static bool split(struct slice text, struct slice *digits, struct slice *unit)
{
    if (text.length == 0)
        return false;
    size_t count = 0;
    while (count < text.length && text.at[count] >= '0' && text.at[count] <= '9')
        count++;
    *digits = slice_make(text.at, count);
    *unit = slice_make(text.at + count, text.length - count);
    return count > 0 && unit->length > 0;
}

static bool find_factor(const struct unit *units, size_t count, struct slice name, int64_t *factor)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_is(name, units[i].name)) {
            *factor = units[i].factor;
            return true;
        }
    }
    return false;
}

/* Zero is the same in every unit, so it needs none. */
static bool read_number(const struct unit *units, size_t count, struct slice text, int64_t *result)
{
    struct slice digits, name;
    int64_t number, factor;
    if (slice_is(text, "0")) {
        *result = 0;
        return true;
    }
    return split(text, &digits, &name) && units_integer(digits, &number) && find_factor(units, count, name, &factor) &&
           !__builtin_mul_overflow(number, factor, result);
}

bool units_duration(struct slice text, int64_t *us)
{
    return read_number(DURATIONS, COUNT(DURATIONS), text, us);
}

bool units_size(struct slice text, int64_t *bytes)
{
    return read_number(SIZES, COUNT(SIZES), text, bytes);
}

bool units_rate(struct slice text, int64_t *count, int64_t *period_us)
{
    const char *slash = text.length > 0 ? memchr(text.at, '/', text.length) : NULL;
    if (slash == NULL)
        return false;
    struct slice number = slice_make(text.at, (size_t)(slash - text.at));
    struct slice period = slice_make(slash + 1, text.length - number.length - 1);
    if (!units_integer(number, count) || *count < 1)
        return false;
    if (find_factor(PERIODS, COUNT(PERIODS), period, period_us))
        return true;
    return read_number(PERIODS, COUNT(PERIODS), period, period_us) && *period_us > 0;
}

/* The largest unit that divides the number; the smallest where none does. */
static const struct unit *best_unit(const struct unit *units, size_t count, int64_t number)
{
    const struct unit *best = &units[0];
    for (size_t i = 0; i < count; i++) {
        if (number % units[i].factor == 0)
            best = &units[i];
    }
    return number == 0 ? &units[1] : best;
}

static void print_number(struct buf *out, const struct unit *unit, int64_t number)
{
    buf_add_integer(out, number / unit->factor);
    buf_add_text(out, unit->name);
}

void units_print_duration(struct buf *out, int64_t us)
{
    print_number(out, best_unit(DURATIONS, COUNT(DURATIONS), us), us);
}

void units_print_size(struct buf *out, int64_t bytes)
{
    print_number(out, best_unit(SIZES, COUNT(SIZES), bytes), bytes);
}

void units_print_rate(struct buf *out, int64_t count, int64_t period_us)
{
    const struct unit *unit = best_unit(PERIODS, COUNT(PERIODS), period_us);
    buf_add_integer(out, count);
    buf_add_char(out, '/');
    if (period_us != unit->factor)
        buf_add_integer(out, period_us / unit->factor);
    buf_add_text(out, unit->name);
}
