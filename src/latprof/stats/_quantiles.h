/* Percentiles of many groups with the score test of intervals.py, in plain C.

   Nothing but + - * / and sqrt is computed, and sums are added in the order in which numpy adds them, so that the
   results have the same bits as those of the Python code. No function needs Python. */

#ifndef LATPROF_QUANTILES_H
#define LATPROF_QUANTILES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MARKS 64
#define PIECE 128
#define DIGIT_BITS 11
#define DIGITS 3
#define MIN_TAIL_SESSIONS 5.0

/* The upper point of Student's t at so many degrees of freedom. */
typedef double (*Point)(double *points, int64_t degrees);

/* ---- order ---- */

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

/* Puts pairs (upper half of a key, row) in order by their upper halves, digit by digit; gives where they ended up. */
static uint64_t *pairs_in_order(
    uint64_t *pairs, uint64_t *others, int64_t known, uint32_t (*counts)[1 << DIGIT_BITS]
) {
    for (int digit = 0; digit < DIGITS && known > 0; digit++) {
        uint32_t *count = counts[digit], sum = 0;
        int shift = 32 + digit * DIGIT_BITS, mask = (1 << DIGIT_BITS) - 1;
        if (count[pairs[0] >> shift & mask] == (uint64_t)known) continue;
        for (int value = 0; value <= mask; value++) {
            uint32_t here = count[value];
            count[value] = sum;
            sum += here;
        }
        for (int64_t place = 0; place < known; place++) others[count[pairs[place] >> shift & mask]++] = pairs[place];
        uint64_t *swapped = pairs;
        pairs = others, others = swapped;
    }
    return pairs;
}

/* Puts values that are in order by the upper halves of their keys in order by the whole keys, with their rows; false
   where that takes more than a few steps for each. */
static int settled(int32_t *order, double *sorted, int64_t known) {
    int64_t left = 4 * known;
    for (int64_t place = 1; place < known; place++) {
        uint64_t key = key_of(sorted[place]);
        if (key_of(sorted[place - 1]) <= key) continue;
        double value = sorted[place];
        int32_t row = order[place];
        int64_t to = place;
        for (; to > 0 && key_of(sorted[to - 1]) > key; to--) sorted[to] = sorted[to - 1], order[to] = order[to - 1];
        sorted[to] = value, order[to] = row;
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
static int sorted_slowly(int32_t *order, double *sorted, int64_t known) {
    Keyed *all = malloc((known ? known : 1) * sizeof *all);
    for (int64_t place = 0; place < known && all; place++)
        all[place].key = key_of(sorted[place]), all[place].row = order[place];
    if (all) qsort(all, known, sizeof *all, by_key);
    for (int64_t place = 0; place < known && all; place++)
        sorted[place] = of_key(all[place].key), order[place] = (int32_t)all[place].row;
    free(all);
    return all != NULL;
}

/* The rows of the values that are numbers, from the smallest to the largest, equal ones in their order, and these
   values; how many, or -1 without memory. There is room for all. Nearly all values differ in the upper halves of their
   keys, if at all: the order is made by these, and looked through for the others. */
static int64_t ordered_rows(const double *values, int64_t n, int32_t *order, double *sorted) {
    int64_t known = 0, size = n ? n : 1;
    uint64_t *pairs = malloc(2 * size * sizeof *pairs);
    uint32_t(*counts)[1 << DIGIT_BITS] = calloc(DIGITS, sizeof *counts);
    if (!pairs || !counts) known = -1;
    for (int64_t row = 0; row < n && known >= 0; row++) {
        if (isnan(values[row])) continue;
        uint64_t upper = key_of(values[row]) >> 32;
        for (int digit = 0; digit < DIGITS; digit++)
            counts[digit][upper >> digit * DIGIT_BITS & ((1 << DIGIT_BITS) - 1)]++;
        pairs[known++] = upper << 32 | (uint32_t)row;
    }
    if (known > 0) {
        uint64_t *found = pairs_in_order(pairs, pairs + size, known, counts);
        for (int64_t place = 0; place < known; place++) {
            order[place] = (int32_t)(uint32_t)found[place];
            sorted[place] = values[order[place]];
        }
        if (!settled(order, sorted, known) && !sorted_slowly(order, sorted, known)) known = -1;
    }
    free(pairs);
    free(counts);
    return known;
}

/* ---- sums of scores ---- */

typedef struct {
    double total, squares, fourth;
} Sums;

/* Sums of scores, their squares and fourth powers: pairwise, as numpy adds. */
static Sums added(const int32_t *below, const double *expected, int64_t n) {
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
    int64_t i = 0;
    if (n >= 8) {
        double r[8], q[8], f[8];
        for (int j = 0; j < 8; j++) {
            double score = below[j] - expected[j], squared = score * score;
            r[j] = score, q[j] = squared, f[j] = squared * squared;
        }
        for (i = 8; i + 8 <= n; i += 8)
            for (int j = 0; j < 8; j++) {
                double score = below[i + j] - expected[i + j], squared = score * score;
                r[j] += score, q[j] += squared, f[j] += squared * squared;
            }
        sums.total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        sums.squares = ((q[0] + q[1]) + (q[2] + q[3])) + ((q[4] + q[5]) + (q[6] + q[7]));
        sums.fourth = ((f[0] + f[1]) + (f[2] + f[3])) + ((f[4] + f[5]) + (f[6] + f[7]));
    }
    for (; i < n; i++) {
        double score = below[i] - expected[i], squared = score * score;
        sums.total += score, sums.squares += squared, sums.fourth += squared * squared;
    }
    return sums;
}

/* ---- one group ---- */

/* The calls of a group from the smallest value to the largest. `below` counts each session's calls among the first
   `rank`; `marks` does before every `width`-th rank, a row of all sessions for each. */
typedef struct {
    const double *values;
    const int32_t *sessions;
    int64_t size, count, different, rank, width;
    int32_t *first, *below, *sizes, *marks;
    double *expected;
    double p, factor;
} Group;

static void set_marks(Group *group) {
    int64_t count = group->count, many = 2 * group->size / count;
    many = many < 1 ? 1 : many > MARKS ? MARKS : many;
    group->width = (group->size + many - 1) / many;
    int32_t *row = group->marks;
    memset(row, 0, count * sizeof *row);
    int64_t until = group->width;
    group->different = 0;
    for (int64_t i = 0; i < group->size; i++) {
        if (i == until) {
            memcpy(row + count, row, count * sizeof *row);
            row += count;
            until += group->width;
        }
        row[group->sessions[i]]++;
        /* Without a choice, which could not be foreseen. */
        group->first[group->different] = (int32_t)i;
        group->different += i == 0 || group->values[i] != group->values[i - 1];
    }
    group->first[group->different] = (int32_t)group->size;
    memcpy(group->sizes, row, count * sizeof *row);
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
    for (; group->rank < rank; group->rank++) group->below[group->sessions[group->rank]]++;
    while (group->rank > rank) group->below[group->sessions[--group->rank]]--;
}

/* By how much the sum of scores at a rank lies outside what chance allows; see `_Tests.excess`. */
static double excess(Group *group, int64_t rank, double *points, Point point) {
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
        limit = point(points, (int64_t)rint(degrees)) * sqrt(variance);
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

static double search(Group *group, int upper, double *points, Point point) {
    int64_t low = 0, high = group->different - 1, last = group->different - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        double out = excess(group, group->first[upper ? last - middle : middle + 1], points, point);
        if (upper ? out <= 0 : out >= 0)
            high = middle;
        else
            low = middle + 1;
    }
    return group->values[group->first[upper ? last - low : low]];
}

static double between(double low, double high, double part) {
    return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

static int64_t place_of(double p, int64_t n, double *part) {
    double place = p * (double)(n - 1), below = floor(place);
    *part = place - below;
    return (int64_t)below;
}

static double quantile_of(const double *values, int64_t n, double p) {
    double part;
    int64_t place = place_of(p, n, &part);
    return between(values[place], values[place + 1 < n ? place + 1 : n - 1], part);
}

static int64_t rank_up_to(const Group *group, double value) {
    int64_t low = 0, high = group->size;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (isnan(value) || group->values[middle] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A quantile and the ends of its interval, NaN for an end that is not known. */
static void figure_of(Group *group, double p, double *figure, double *points, Point point) {
    double centre = quantile_of(group->values, group->size, p);
    figure[0] = centre, figure[1] = figure[2] = NAN;
    if (group->count < 2 || !(p > 0 && p < 1)) return;
    group->p = p;
    for (int64_t i = 0; i < group->count; i++) group->expected[i] = p * group->sizes[i];
    double skew = (1 - 2 * p) * (1 - 2 * p) / (p * (1 - p));
    group->factor = 1 + 2 / (1 + skew);
    int thin = tail_sessions(group, rank_up_to(group, centre)) < MIN_TAIL_SESSIONS;
    if (!(thin && p <= 0.5) && excess(group, 0, points, point) < 0) {
        double end = search(group, 0, points, point);
        figure[1] = end < centre ? end : centre;
    }
    if (!(thin && p >= 0.5) && excess(group, group->size, points, point) > 0) {
        double end = search(group, 1, points, point);
        figure[2] = end > centre ? end : centre;
    }
}

/* ---- all groups of one metric ---- */

/* The calls of a metric group by group: `begin` says where those of each begin. */
typedef struct {
    double *sorted;
    int32_t *sessions, *own, *before, *group_of;
    int64_t *begin, most, most_cells;
} Grouped;

static int room_for(Grouped *all, int64_t n, int64_t pairs, int64_t groups) {
    n = n ? n : 1;
    all->sorted = malloc(n * sizeof *all->sorted);
    all->sessions = malloc(n * sizeof *all->sessions);
    all->own = malloc(n * sizeof *all->own);
    all->before = calloc(pairs + 1, sizeof *all->before);
    all->group_of = malloc((pairs + 1) * sizeof *all->group_of);
    all->begin = malloc((groups + 1) * sizeof *all->begin);
    return all->sorted && all->sessions && all->own && all->before && all->group_of && all->begin;
}

/* Counts the calls of each pair and the sessions of each group: `before` becomes how many sessions with such calls a
   group has before each pair. False for a row or a pair that is not there. */
static int count_groups(
    Grouped *all, const int32_t *order, int64_t n, const int32_t *pair, int64_t rows, const int64_t *starts,
    int64_t groups, int64_t *ends, int64_t *counts
) {
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if ((uint64_t)order[i] >= (uint64_t)rows) return 0;
        int32_t own = pair[order[i]];
        if ((uint64_t)own >= (uint64_t)starts[groups]) return 0;
        all->before[all->own[i] = own]++;
    }
    all->most = all->most_cells = 1;
    for (int64_t group = 0; group < groups; group++) {
        int32_t count = 0;
        all->begin[group] = ends[group] = sum;
        for (int64_t i = starts[group]; i < starts[group + 1]; i++) {
            int32_t has_any = all->before[i] > 0;
            sum += all->before[i];
            all->before[i] = count, all->group_of[i] = (int32_t)group;
            count += has_any;
        }
        counts[group] = count;
        if (count > all->most) all->most = count;
        int64_t cells = 2 * (sum - all->begin[group]) + 2 * count;
        if (cells > all->most_cells) all->most_cells = cells;
    }
    return 1;
}

/* Puts the calls into their groups, in their order. */
static void group_calls(
    Grouped *all, const int32_t *order, const double *values, int64_t n, int64_t groups, int32_t *rows, int64_t *ends
) {
    if (groups == 1) {
        memcpy(rows, order, n * sizeof *rows);
        memcpy(all->sorted, values, n * sizeof *values);
        for (int64_t i = 0; i < n; i++) all->sessions[i] = all->before[all->own[i]];
        ends[0] = n;
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t place = ends[all->group_of[all->own[i]]]++;
        rows[place] = order[i];
        all->sorted[place] = values[i];
        all->sessions[place] = all->before[all->own[i]];
    }
}

/* `order` are rows from the smallest value to the largest, `values` these values. `pair` is each row's session in its
   group, counted over all groups; those of a group begin at `starts`. Filled are `rows`, the rows group by group;
   `ends`, where those of each group end; `counts`, its sessions; and `figures`, three for each of the `asked` quantiles
   of a group that has at least `least` calls. 0 without memory, -1 for a row, pair or point that is not there. */
static int figures_of(
    const int32_t *order, const double *values, int64_t n, const int32_t *pair, int64_t all_rows,
    const int64_t *starts, int64_t groups, const double *asked, const int64_t *least, int64_t quantiles,
    int32_t *rows, int64_t *ends, int64_t *counts, double *figures, double *points, int64_t room, Point point
) {
    Grouped all = {0};
    Group one = {0};
    int done = room_for(&all, n, starts[groups], groups), fits = 1;
    if (done) {
        fits = count_groups(&all, order, n, pair, all_rows, starts, groups, ends, counts) && all.most <= room;
        done = fits;
    }
    if (done) {
        group_calls(&all, order, values, n, groups, rows, ends);
        one.first = malloc((n + 1) * sizeof *one.first);
        one.below = malloc(2 * all.most * sizeof *one.below);
        one.marks = malloc(all.most_cells * sizeof *one.marks);
        one.expected = malloc(all.most * sizeof *one.expected);
        one.sizes = one.below ? one.below + all.most : NULL;
        done = one.first && one.below && one.marks && one.expected;
    }
    for (int64_t group = 0; group < groups && done; group++) {
        one.size = ends[group] - all.begin[group], one.count = counts[group];
        one.values = all.sorted + all.begin[group], one.sessions = all.sessions + all.begin[group];
        int is_marked = 0;
        for (int64_t k = 0; k < quantiles; k++) {
            double *figure = figures + 3 * (group * quantiles + k);
            figure[0] = figure[1] = figure[2] = NAN;
            if (!one.size || one.size < least[k]) continue;
            if (!is_marked && one.count > 1) set_marks(&one);
            is_marked = 1;
            figure_of(&one, asked[k], figure, points, point);
        }
    }
    free(all.sorted), free(all.sessions), free(all.own), free(all.before), free(all.group_of), free(all.begin);
    free(one.first), free(one.below), free(one.marks), free(one.expected);
    return fits ? done : -1;
}

#endif
