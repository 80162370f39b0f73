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

/* What sums of scores cannot leave while some ranks are gone through. */
typedef struct {
    double squares, least, fourth;
} Bounds;

/* Scores are nowhere below those of `fewest` and nowhere above those of `most`. */
FOR_EACH_PROCESSOR static Bounds bounds_of(
    const int32_t *fewest, const int32_t *most, const double *expected, int64_t n
) {
    double squares[8] = {0}, least[8] = {0}, fourth[8] = {0};
    Bounds bounds = {0.0, 0.0, 0.0};
    for (int64_t i = 0; i < n; i += 8) {
        int64_t lanes = n - i < 8 ? n - i : 8;
        for (int64_t j = 0; j < lanes; j++) {
            double low = fewest[i + j] - expected[i + j], high = most[i + j] - expected[i + j];
            double far = -low > high ? -low : high, near = low > -high ? low : -high;
            near = near > 0 ? near : 0;
            squares[j] += far * far, least[j] += near * near, fourth[j] += far * far * (far * far);
        }
    }
    for (int j = 0; j < 8; j++)
        bounds.squares += squares[j], bounds.least += least[j], bounds.fourth += fourth[j];
    return bounds;
}

/* ---- one group ---- */

/* A place among the calls of a group: `below` counts each session's calls among the first `rank`. */
typedef struct {
    int32_t *below;
    int64_t rank;
} Stand;

/* The calls of a group from the smallest value to the largest: the upper half of each of `calls` is the number of its
   value, which is one of `values`, and the lower half that of its session. `sizes` are the sessions' calls, `first` is
   the place of the first call of each different value. `marks` counts each session's calls before every `width`-th
   rank, a row of all sessions for each; there are two places to look at, one of them `here`. */
typedef struct {
    const double *values;
    const uint64_t *calls;
    const int32_t *sizes;
    int64_t size, count, different, width;
    int32_t *first, *marks;
    Stand here, there;
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
    memcpy(group->here.below, group->sizes, count * sizeof *row);
    memcpy(group->there.below, group->sizes, count * sizeof *row);
    group->here.rank = group->there.rank = group->size;
}

static void seek(const Group *group, Stand *stand, int64_t rank) {
    int64_t count = group->count, mark = rank / group->width, start = mark * group->width;
    int64_t apart = rank > stand->rank ? rank - stand->rank : stand->rank - rank;
    if (apart > rank - start + count / 8) {
        if (mark)
            memcpy(stand->below, group->marks + (mark - 1) * count, count * sizeof *stand->below);
        else
            memset(stand->below, 0, count * sizeof *stand->below);
        stand->rank = start;
    }
    for (; stand->rank < rank; stand->rank++) stand->below[(uint32_t)group->calls[stand->rank]]++;
    while (stand->rank > rank) stand->below[(uint32_t)group->calls[--stand->rank]]--;
}

static double point_at(const Group *group, double squares, double fourth) {
    double degrees = group->factor * (squares * squares) / (fourth > 1e-300 ? fourth : 1e-300) - 1;
    double most = (double)(group->count - 1);
    degrees = degrees > 1 ? degrees : 1;
    degrees = degrees < most ? degrees : most;
    return known_point(group->points, (int64_t)rint(degrees));
}

/* By how much the sum of scores at a rank lies outside what chance allows; see `_Tests.excess`. */
static double excess(Group *group, int64_t rank) {
    const int32_t *below = group->here.below;
    seek(group, &group->here, rank);
    double score = below[0] - group->expected[0], squared = score * score;
    Sums rest = added(below + 1, group->expected + 1, group->count - 1);
    double total = score + rest.total, squares = squared + rest.squares, fourth = squared * squared + rest.fourth;
    double variance = (squares * (double)group->count - total * total) / (double)(group->count - 1);
    double limit = variance > 0 ? point_at(group, squares, fourth) * sqrt(variance) : 0.0;
    return total < -limit ? total + limit : total > limit ? total - limit : 0.0;
}

/* How many sessions the calls beyond the quantile come from. */
static double tail_sessions(Group *group, int64_t rank) {
    double total = 0, squares = 0;
    const int32_t *below = group->here.below;
    seek(group, &group->here, rank);
    for (int64_t i = 0; i < group->count; i++) {
        double tail = group->p < 0.5 ? below[i] : group->sizes[i] - below[i];
        total += tail, squares += tail * tail;
    }
    return total * total / (squares > 1 ? squares : 1.0);
}

/* Whether all ranks between two are surely refuted, having too few calls or, for `upper`, too many; see `all_refuted`. */
static int all_refuted(Group *group, int64_t low, int64_t high, int upper) {
    double total = (double)(upper ? low : high) - group->p * (double)group->size, count = (double)group->count;
    total = (upper ? total : -total) - ROUNDING * (double)group->size;
    if (total <= 0) return 0;
    /* Where the search comes from stays, or comes to be where it went to. */
    Stand *from = &group->here, *to = &group->there;
    seek(group, from, upper ? high : low), seek(group, to, upper ? low : high);
    Bounds bounds = bounds_of((upper ? to : from)->below, (upper ? from : to)->below, group->expected, group->count);
    double variance = bounds.squares * count * (1 + ROUNDING) - total * total;
    double point = point_at(group, bounds.least * (1 - ROUNDING), bounds.fourth) * (1 + ROUNDING);
    return variance <= 0 || total > point * sqrt(variance / (count - 1));
}

/* The outermost value that is not refuted, tried from the outside in stretches; see `_outermost` in quantiles.py. */
static double search(Group *group, int upper) {
    int64_t place = 0, last = group->different - 1, width = last > 3 ? last / 2 : 1, has_succeeded = 0;
    while (place < last) {
        width = width < last - place ? width : last - place;
        int64_t begin = upper ? last + 1 - place - width : place + 1;
        int64_t low = group->first[begin], high = group->first[begin + width - 1];
        if (!all_refuted(group, low, high, upper)) {
            if (width > 1) {
                width /= 2, has_succeeded = 0;
                continue;
            }
            double out = excess(group, low);
            if (upper ? out <= 0 : out >= 0) break;
        }
        Stand reached = group->there;
        group->there = group->here, group->here = reached;
        place += width;
        width += has_succeeded * width, has_succeeded = 1;
    }
    return value_of(group, group->first[upper ? last - place : place]);
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
