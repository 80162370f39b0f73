/* Numbers in order by their bits, digit by digit, in plain C. No function needs Python. */

#ifndef LATPROF_ORDER_H
#define LATPROF_ORDER_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_exact.h"

#define DIGIT_BITS 11
#define DIGIT_VALUES (1 << DIGIT_BITS)
#define DIGITS 3
/* Rows in so many bits leave room for a digit. */
#define ROW_BITS 21
/* Two digits are enough where so many bits or fewer say how far values lie apart: they tell 8,192 values of each
   doubling from each other. */
#define NEAR_BITS 61

static inline uint64_t key_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static inline double of_key(uint64_t key) {
    double value;
    key = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
    memcpy(&value, &key, sizeof value);
    return value;
}

/* How keys become short: those up to `base` are 0, others say how far beyond it they lie, without the last `shift`
   bits. */
typedef struct {
    uint64_t base;
    int shift, digits;
} Shortened;

/* Where the known values begin and end; zeros lie far from all others and must not count: the lowest, the lowest above
   zero and the highest, and how many there are. Four at once: each of them waits for the one before. */
FOR_EACH_PROCESSOR static int64_t ends_of(const double *values, int64_t n, double *ends) {
    double low[4], positive[4], high[4];
    int64_t counts[4] = {0, 0, 0, 0}, whole = n / 4 * 4;
    for (int k = 0; k < 4; k++) low[k] = positive[k] = INFINITY, high[k] = -INFINITY;
    for (int64_t i = 0; i < whole; i += 4)
        for (int k = 0; k < 4; k++) {
            double value = values[i + k], above = value > 0 ? value : INFINITY;
            counts[k] += value == value;
            low[k] = value < low[k] ? value : low[k];
            high[k] = value > high[k] ? value : high[k];
            positive[k] = above < positive[k] ? above : positive[k];
        }
    for (int64_t i = whole; i < n; i++) {
        double value = values[i], above = value > 0 ? value : INFINITY;
        counts[0] += value == value;
        low[0] = value < low[0] ? value : low[0];
        high[0] = value > high[0] ? value : high[0];
        positive[0] = above < positive[0] ? above : positive[0];
    }
    for (int k = 1; k < 4; k++) {
        low[0] = low[k] < low[0] ? low[k] : low[0];
        high[0] = high[k] > high[0] ? high[k] : high[0];
        positive[0] = positive[k] < positive[0] ? positive[k] : positive[0];
    }
    ends[0] = low[0], ends[1] = positive[0], ends[2] = high[0];
    return counts[0] + counts[1] + counts[2] + counts[3];
}

/* How the keys of the known values become short. How many are known comes back in `known`. */
static Shortened shortened(const double *values, int64_t n, int64_t *known) {
    double ends[3];
    int64_t count = ends_of(values, n, ends);
    *known = count;
    Shortened found = {0, 0, 0};
    if (!count) return found;
    found.base = ends[0] < 0 ? key_of(ends[0]) : key_of(ends[1]) - 1;
    uint64_t last = key_of(ends[2]), range = last > found.base ? last - found.base : 0;
    int bits = 0;
    while (bits < 64 && range >> bits) bits++;
    found.digits = bits > NEAR_BITS ? 3 : bits > DIGIT_BITS ? 2 : bits > 0;
    int kept = found.digits == 3 ? 32 : found.digits * DIGIT_BITS;
    found.shift = bits > kept ? bits - kept : 0;
    return found;
}

/* The short keys of all values, anything for what is no number: worked out once, several at a time. */
FOR_EACH_PROCESSOR static void shorten(const double *values, int64_t n, uint64_t base, int shift, uint32_t *keys) {
    for (int64_t row = 0; row < n; row++) {
        uint64_t key = key_of(values[row]);
        keys[row] = (uint32_t)((key > base ? key - base : 0) >> shift);
    }
}

/* How many of the short keys have each digit. */
static void count_digits(
    const double *values, const uint32_t *keys, int64_t n, int64_t known, Shortened how, uint32_t (*counts)[DIGIT_VALUES]
) {
    memset(counts, 0, DIGITS * sizeof *counts);
    for (int64_t row = 0; row < n; row++) {
        if (known < n && isnan(values[row])) continue;
        uint32_t key = keys[row];
        counts[0][key & (DIGIT_VALUES - 1)]++;
        counts[1][key >> DIGIT_BITS & (DIGIT_VALUES - 1)]++;
        if (how.digits == 3) counts[2][key >> 2 * DIGIT_BITS]++;
    }
}

/* Where the first number with each digit goes; false where all have the same. */
static int places_of(uint32_t *count, int64_t known) {
    uint32_t sum = 0, most = 0;
    for (int value = 0; value < DIGIT_VALUES; value++) {
        uint32_t here = count[value];
        count[value] = sum;
        sum += here;
        most = here > most ? here : most;
    }
    return most < known;
}

/* Rows of the known values in order by the first digit of their short keys. With `more` the second digit comes along, in
   the bits that rows leave free: it is looked up for all of them in the next pass otherwise. */
static void by_first_digit(
    const double *values, const uint32_t *keys, int64_t n, int64_t known, uint32_t *count, uint32_t *rows, int more
) {
    for (int64_t row = 0; row < n; row++) {
        if (known < n && isnan(values[row])) continue;
        uint32_t key = keys[row], second = more ? key >> DIGIT_BITS << ROW_BITS : 0;
        rows[count[key & (DIGIT_VALUES - 1)]++] = second | (uint32_t)row;
    }
}

/* Rows in order by their short keys: they are in one of the two places in the end, which is told. */
static uint32_t *rows_in_order(
    const double *values, int64_t n, int64_t known, Shortened how, uint32_t *keys, uint32_t *rows, uint32_t *others,
    uint32_t (*counts)[DIGIT_VALUES]
) {
    int more = how.digits == 2 && n <= (int64_t)1 << ROW_BITS;
    shorten(values, n, how.base, how.shift, keys);
    count_digits(values, keys, n, known, how, counts);
    places_of(counts[0], known);
    by_first_digit(values, keys, n, known, counts[0], rows, more);
    for (int digit = 1; digit < how.digits; digit++) {
        uint32_t *count = counts[digit], *swapped = rows;
        int is_needed = places_of(count, known);
        if (more) {
            for (int64_t i = 0; i < known; i++) others[count[rows[i] >> ROW_BITS]++] = rows[i] & ((1 << ROW_BITS) - 1);
        } else if (is_needed) {
            for (int64_t i = 0; i < known; i++)
                others[count[keys[rows[i]] >> digit * DIGIT_BITS & (DIGIT_VALUES - 1)]++] = rows[i];
        } else
            continue;
        rows = others, others = swapped;
    }
    return rows;
}

/* Fills in the values of rows that are in order by their short keys, and puts both in order by the whole keys; false
   where that takes more than a few steps for each. */
static int settled(uint32_t *rows, double *sorted, const double *values, int64_t known) {
    int64_t left = 4 * known;
    uint64_t last = 0;
    for (int64_t place = 0; place < known; place++) {
        double value = values[rows[place]];
        uint64_t key = key_of(value);
        sorted[place] = value;
        if (key >= last) {
            last = key;
            continue;
        }
        uint32_t row = rows[place];
        int64_t to = place;
        for (; to > 0 && key_of(sorted[to - 1]) > key; to--) sorted[to] = sorted[to - 1], rows[to] = rows[to - 1];
        sorted[to] = value, rows[to] = row;
        left -= place - to;
        if (left < 0) return 0;
    }
    return 1;
}

/* By value, then by row: what `qsort` needs. */
typedef struct {
    uint64_t key;
    int64_t row;
} Keyed;

static int by_key(const void *one, const void *two) {
    const Keyed *a = one, *b = two;
    return a->key != b->key ? (a->key < b->key ? -1 : 1) : a->row < b->row ? -1 : a->row > b->row;
}

/* The same for values of any kind, such as very many that differ in their last digits only. False without memory. */
static int sorted_slowly(uint32_t *rows, double *sorted, const double *values, int64_t n) {
    Keyed *all = malloc((n ? n : 1) * sizeof *all);
    int64_t known = 0;
    for (int64_t row = 0; row < n && all; row++)
        if (!isnan(values[row])) all[known].key = key_of(values[row]), all[known++].row = row;
    if (all) qsort(all, known, sizeof *all, by_key);
    for (int64_t place = 0; place < known && all; place++)
        sorted[place] = of_key(all[place].key), rows[place] = (uint32_t)all[place].row;
    free(all);
    return all != NULL;
}

/* What `in_order` works in, with room for `n` each. In the end `rows` are one of both halves. */
typedef struct {
    uint32_t *one, *other, *keys, *rows;
    double *sorted;
    uint32_t (*counts)[DIGIT_VALUES];
} Order;

/* The `rows` of the values that are numbers, from the smallest to the largest, equal ones in their order, and these
   values. How many, or -1 without memory. */
static int64_t in_order(Order *order, const double *values, int64_t n) {
    int64_t known;
    Shortened how = shortened(values, n, &known);
    order->rows = order->one;
    if (known) order->rows = rows_in_order(values, n, known, how, order->keys, order->one, order->other, order->counts);
    if (!settled(order->rows, order->sorted, values, known) && !sorted_slowly(order->rows, order->sorted, values, n))
        return -1;
    return known;
}

#endif
