/* Small loops of the fit, in double precision; plain.py says what they mean, and holds the same steps in the same order. */
#ifndef LATPROF_PLAIN_H
#define LATPROF_PLAIN_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "_exact.h"

/* Coordinate descent; `values` holds where it starts, and where it ends. */
static void descend_by(
    int size, const double *gram, const double *moments, const double *divisors, const double *roots,
    const double *floors, double *values, double least, int most_sweeps
) {
    for (int sweep = 0; sweep < most_sweeps; sweep++) {
        double largest = 0.0;
        for (int k = 0; k < size; k++) {
            double slope = moments[k], before = values[k];
            for (int j = 0; j < size; j++) slope = slope - gram[k * size + j] * values[j];
            double value = before + slope / divisors[k];
            values[k] = value > floors[k] ? value : floors[k];
            double step = fabs(values[k] - before) * roots[k];
            largest = step > largest ? step : largest;
        }
        if (largest < least) break;
    }
}

/* A mixture's distribution as in mixtures.py, at `n` places; that of one component by a table of `last` + 1 values. */
FOR_EACH_PROCESSOR
static void cumulative_of(
    int components, const double *share, const double *centre, const double *steps, const double *table, int last,
    double begin, const double *z, ptrdiff_t n, double *result
) {
    for (ptrdiff_t i = 0; i < n; i++) result[i] = 0.0;
    for (int c = 0; c < components; c++)
        for (ptrdiff_t i = 0; i < n; i++) {
            double place = (z[i] - centre[c]) * steps[c] - begin;
            place = place > 0.0 ? place : 0.0;
            place = place < (double)last ? place : (double)last;
            int32_t line = (int32_t)place;
            double part = (place - (double)line) * table[2 * line + 1] + table[2 * line];
            result[i] = result[i] + share[c] * part;
        }
}

/* The exponential of a power up to 0,. */
INLINE double exponential(double power) {
    static const double taylor[] = {
        1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0, 1.0 / 5040.0,
        1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 1.0 / 2.0, 1.0, 1.0
    };
    power = power > -700.0 ? power : -700.0;
    double rounded = power * 1.4426950408889634 + 6755399441055744.0, doublings = rounded - 6755399441055744.0;
    double left = power - doublings * 0.6931471803691238 - doublings * 1.9082149292705877e-10;
    double found = taylor[0];
    for (int n = 1; n < 13; n++) found = found * left + taylor[n];
    uint64_t bits; /* its last bits hold the number of doublings */
    memcpy(&bits, &rounded, sizeof bits);
    bits = (bits + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return found * scale;
}

/* Steps of EM of a mixture; `part` (components, n) and `below` (n) are room to work in. */
FOR_EACH_PROCESSOR
static void refit_by(
    int components, ptrdiff_t n, const double *z, const double *mass, double *share, double *centre, double *width,
    double least, double most, int rounds, double *part, double *below
) {
    double total = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) total = total + mass[i];
    for (int round = 0; round < rounds; round++) {
        for (ptrdiff_t i = 0; i < n; i++) below[i] = 1e-300;
        for (int c = 0; c < components; c++) {
            double steepness = sqrt(0.5) / width[c], height = share[c] / width[c], middle = centre[c];
            double *own = part + c * n;
            for (ptrdiff_t i = 0; i < n; i++) {
                double away = (z[i] - middle) * steepness;
                own[i] = exponential(-(away * away)) * height;
                below[i] = below[i] + own[i];
            }
        }
        for (ptrdiff_t i = 0; i < n; i++) below[i] = mass[i] / below[i];
        for (int c = 0; c < components; c++) {
            double *own = part + c * n, weight = 0.0, moment = 0.0, square = 0.0;
            for (ptrdiff_t i = 0; i < n; i++) {
                own[i] = own[i] * below[i];
                weight = weight + own[i];
                moment = moment + own[i] * z[i];
            }
            /* One call's worth of weight keeps an empty component where it is. */
            double middle = (moment + centre[c]) / (weight + 1.0);
            for (ptrdiff_t i = 0; i < n; i++) {
                double away = z[i] - middle;
                square = square + away * away * own[i];
            }
            double wide = sqrt((square + width[c] * width[c]) / (weight + 1.0));
            wide = wide > least ? wide : least;
            centre[c] = middle;
            width[c] = wide < most ? wide : most;
            share[c] = (weight + 0.5) / (total + 0.5 * components);
        }
    }
}

/* Effects of one quantity on the levels of factors,; `left` (calls) and `sums` (levels) are room. */
static void pool_by(
    ptrdiff_t calls, int factors, const float *values, const int64_t *levels, const int64_t *sizes,
    const double *effects, double *changed, double pooling, double *left, double *sums, double *counts
) {
    double mean = 0.0;
    for (ptrdiff_t i = 0; i < calls; i++) mean = mean + (double)values[i];
    mean = mean / (double)calls;
    for (ptrdiff_t i = 0; i < calls; i++) left[i] = (double)values[i] - mean;
    for (int f = 0; f < factors; f++) {
        const int64_t *level = levels + f * calls, size = sizes[f];
        if (size >= 2) {
            double balance = 0.0;
            for (int64_t l = 0; l < size; l++) sums[l] = counts[l] = 0.0;
            for (ptrdiff_t i = 0; i < calls; i++) {
                sums[level[i]] += left[i];
                counts[level[i]] += 1.0;
            }
            for (int64_t l = 0; l < size; l++) {
                double own = sums[l] / (counts[l] > 1.0 ? counts[l] : 1.0);
                changed[l] = (effects[l] + own) * (counts[l] / (counts[l] + pooling));
                balance = balance + changed[l] * counts[l];
            }
            balance = balance / (double)calls;
            for (int64_t l = 0; l < size; l++) {
                changed[l] = changed[l] - balance;
                sums[l] = changed[l] - effects[l];
            }
            for (ptrdiff_t i = 0; i < calls; i++) left[i] = left[i] - sums[level[i]];
        } else {
            for (int64_t l = 0; l < size; l++) changed[l] = effects[l];
        }
        effects += size;
        changed += size;
    }
}

#endif
