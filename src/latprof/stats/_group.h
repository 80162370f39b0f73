/* One group's percentiles with the score test of intervals.py, in plain C.

   Nothing but + - * / and sqrt is computed (and Student's t, see there), and sums are added in the order in which numpy
   adds them, so that the results have the same bits as those of the Python code. No function needs Python. */

#ifndef LATPROF_GROUP_H
#define LATPROF_GROUP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "_exact.h"
#include "_student.h"

#define MARKS 64
#define PIECE 128
#define MIN_TAIL_SESSIONS 5.0
/* A sum of scores has a rounding error far below this part of the calls. */
#define ROUNDING 1e-6

/* ---- sums of scores ---- */

typedef struct {
    double total, squares, fourth;
} Sums;

/* Eight sums side by side: a pair of vectors where the compiler has any. */
#if defined(__GNUC__) && !defined(LATPROF_NO_VECTORS)
typedef double Four __attribute__((vector_size(32), aligned(8)));
typedef int32_t FourCounts __attribute__((vector_size(16), aligned(4)));
#define EIGHT(a, b) ((((a)[0] + (a)[1]) + ((a)[2] + (a)[3])) + (((b)[0] + (b)[1]) + ((b)[2] + (b)[3])))

INLINE int64_t add_eights(const int32_t *below, const double *expected, int64_t n, Sums *sums) {
    Four r = {0}, r_2 = {0}, q = {0}, q_2 = {0}, f = {0}, f_2 = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        Four score = __builtin_convertvector(*(const FourCounts *)(below + i), Four) - *(const Four *)(expected + i);
        Four other = __builtin_convertvector(*(const FourCounts *)(below + i + 4), Four) - *(const Four *)(expected + i + 4);
        Four squared = score * score, other_squared = other * other;
        r += score, q += squared, f += squared * squared;
        r_2 += other, q_2 += other_squared, f_2 += other_squared * other_squared;
    }
    sums->total = EIGHT(r, r_2), sums->squares = EIGHT(q, q_2), sums->fourth = EIGHT(f, f_2);
    return i;
}
#else
#define EIGHT(r) (((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7])))

INLINE int64_t add_eights(const int32_t *below, const double *expected, int64_t n, Sums *sums) {
    double r[8] = {0}, q[8] = {0}, f[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++) {
            double score = below[i + j] - expected[i + j], squared = score * score;
            r[j] += score, q[j] += squared, f[j] += squared * squared;
        }
    sums->total = EIGHT(r), sums->squares = EIGHT(q), sums->fourth = EIGHT(f);
    return i;
}
#endif

/* Sums of scores, their squares and fourth powers: pairwise, as numpy adds. */
FOR_EACH_PROCESSOR static Sums added(const int32_t *below, const double *expected, int64_t n) {
    Sums sums = {0.0, 0.0, 0.0};
    if (n > PIECE) {
        int64_t half = n / 2;
        half -= half % 8;
        Sums one = added(below, expected, half), two = added(below + half, expected + half, n - half);
        sums.total = one.total + two.total;
        sums.squares = one.squares + two.squares;
        sums.fourth = one.fourth + two.fourth;
        return sums;
    }
    int64_t i = n >= 8 ? add_eights(below, expected, n, &sums) : 0;
    for (; i < n; i++) {
        double score = below[i] - expected[i], squared = score * score;
        sums.total += score, sums.squares += squared, sums.fourth += squared * squared;
    }
    return sums;
}

/* ---- one group ---- */

/* The calls of a group from the smallest value to the largest: the upper half of each of `calls` is the number of its
   value, which is one of `values`, and the lower half that of its session. `sizes` are the sessions' calls, `first` is
   the place of the first call of each different value. `below` counts each session's calls among the first `rank`;
   `marks` does before every `width`-th rank, a row of all sessions for each. */
typedef struct {
    const double *values;
    const uint64_t *calls;
    const int32_t *sizes;
    int64_t size, count, different, rank, width;
    int32_t *first, *below, *marks;
    double *expected, *points;
    double p, factor;
} Group;

static inline double value_of(const Group *group, int64_t place) { return group->values[group->calls[place] >> 32]; }

/* How much room the marks of a group take. */
static int64_t cells_of(int64_t size, int64_t count) { return 2 * size + 2 * count; }

static void set_marks(Group *group) {
    int64_t count = group->count, many = 2 * group->size / count, next = 0;
    many = many < 1 ? 1 : many > MARKS ? MARKS : many;
    group->width = (group->size + many - 1) / many;
    int32_t *row = group->marks;
    const uint64_t *calls = group->calls;
    uint64_t last = ~(calls[0] >> 32);
    memset(row, 0, count * sizeof *row);
    for (int64_t i = 0, until = group->width; i < group->size; until += group->width) {
        if (i) {
            memcpy(row + count, row, count * sizeof *row);
            row += count;
        }
        until = until < group->size ? until : group->size;
        for (; i < until; i++) {
            uint64_t call = calls[i];
            row[(uint32_t)call]++;
            /* Without a choice, which could not be foreseen. */
            group->first[next] = (int32_t)i;
            next += call >> 32 != last;
            last = call >> 32;
        }
    }
    group->first[next] = (int32_t)group->size;
    group->different = next;
    /* Each row was counted on to the next mark: it holds what lies before that. */
    memcpy(group->below, group->sizes, count * sizeof *row);
    group->rank = group->size;
}

static void seek(Group *group, int64_t rank) {
    int64_t count = group->count, mark = rank / group->width, start = mark * group->width;
    int64_t apart = rank > group->rank ? rank - group->rank : group->rank - rank;
    if (apart > rank - start + count / 8) {
        if (mark)
            memcpy(group->below, group->marks + (mark - 1) * count, count * sizeof *group->below);
        else
            memset(group->below, 0, count * sizeof *group->below);
        group->rank = start;
    }
    for (; group->rank < rank; group->rank++) group->below[(uint32_t)group->calls[group->rank]]++;
    while (group->rank > rank) group->below[(uint32_t)group->calls[--group->rank]]--;
}

/* By how much the sum of scores at a rank lies outside what chance allows; see `_Tests.excess`. */
static double excess(Group *group, int64_t rank) {
    seek(group, rank);
    double score = group->below[0] - group->expected[0], squared = score * score;
    Sums rest = added(group->below + 1, group->expected + 1, group->count - 1);
    double total = score + rest.total, squares = squared + rest.squares, fourth = squared * squared + rest.fourth;
    double variance = (squares * (double)group->count - total * total) / (double)(group->count - 1);
    double limit = 0.0;
    if (variance > 0) {
        double degrees = group->factor * (squares * squares) / (fourth > 1e-300 ? fourth : 1e-300) - 1;
        double most = (double)(group->count - 1);
        degrees = degrees > 1 ? degrees : 1;
        degrees = degrees < most ? degrees : most;
        limit = known_point(group->points, (int64_t)rint(degrees)) * sqrt(variance);
    }
    return total < -limit ? total + limit : total > limit ? total - limit : 0.0;
}

/* How many sessions the calls beyond the quantile come from. */
static double tail_sessions(Group *group, int64_t rank) {
    seek(group, rank);
    double total = 0, squares = 0;
    for (int64_t i = 0; i < group->count; i++) {
        double tail = group->p < 0.5 ? group->below[i] : group->sizes[i] - group->below[i];
        total += tail, squares += tail * tail;
    }
    return total * total / (squares > 1 ? squares : 1.0);
}

/* Whether the calls up to a rank are not too few; for `upper`, not too many. A sum of scores that has the right sign
   settles that at once. */
static int holds(Group *group, int64_t rank, int upper) {
    double total = (double)rank - group->p * (double)group->size, enough = ROUNDING * (double)group->size;
    if (upper ? total < -enough : total > enough) return 1;
    double out = excess(group, rank);
    return upper ? out <= 0 : out >= 0;
}

static double search(Group *group, int upper) {
    int64_t low = 0, high = group->different - 1, last = group->different - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (holds(group, group->first[upper ? last - middle : middle + 1], upper))
            high = middle;
        else
            low = middle + 1;
    }
    return value_of(group, group->first[upper ? last - low : low]);
}

static double between(double low, double high, double part) {
    return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

static int64_t place_of(double p, int64_t n, double *part) {
    double place = p * (double)(n - 1), below = floor(place);
    *part = place - below;
    return (int64_t)below;
}

static double quantile_of(const Group *group, double p) {
    double part;
    int64_t place = place_of(p, group->size, &part);
    return between(value_of(group, place), value_of(group, place + 1 < group->size ? place + 1 : group->size - 1), part);
}

static int64_t rank_up_to(const Group *group, double value) {
    int64_t low = 0, high = group->size;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (isnan(value) || value_of(group, middle) <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A quantile and the ends of its interval, NaN for an end that is not known. */
static void figure_of(Group *group, double p, double *figure) {
    double centre = quantile_of(group, p);
    figure[0] = centre, figure[1] = figure[2] = NAN;
    if (group->count < 2 || !(p > 0 && p < 1)) return;
    group->p = p;
    for (int64_t i = 0; i < group->count; i++) group->expected[i] = p * group->sizes[i];
    double skew = (1 - 2 * p) * (1 - 2 * p) / (p * (1 - p));
    group->factor = 1 + 2 / (1 + skew);
    int thin = tail_sessions(group, rank_up_to(group, centre)) < MIN_TAIL_SESSIONS;
    if (!(thin && p <= 0.5) && excess(group, 0) < 0) {
        double end = search(group, 0);
        figure[1] = end < centre ? end : centre;
    }
    if (!(thin && p >= 0.5) && excess(group, group->size) > 0) {
        double end = search(group, 1);
        figure[2] = end > centre ? end : centre;
    }
}

#endif
