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
#define DIGITS 6
#define BINS (1 << 13)
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

/* The rows of the values that are numbers, from the smallest to the largest, equal ones in their order, and these
   values; how many, or -1 without memory. There is room for all. */
static int64_t ordered_rows(const double *values, int64_t n, int32_t *order, double *sorted) {
    int64_t known = 0, size = n ? n : 1;
    uint64_t *keys = malloc(2 * size * sizeof *keys), *others = keys ? keys + size : NULL;
    int32_t *rows = malloc(size * sizeof *rows);
    uint32_t(*counts)[1 << DIGIT_BITS] = calloc(DIGITS, sizeof *counts);
    if (!keys || !rows || !counts) known = -1;
    for (int64_t row = 0; row < n && known >= 0; row++) {
        if (isnan(values[row])) continue;
        uint64_t key = key_of(values[row]);
        for (int digit = 0; digit < DIGITS; digit++)
            counts[digit][key >> digit * DIGIT_BITS & ((1 << DIGIT_BITS) - 1)]++;
        keys[known] = key;
        order[known++] = (int32_t)row;
    }
    int32_t *from = order, *to = rows;
    for (int digit = 0; digit < DIGITS && known > 0; digit++) {
        uint32_t *count = counts[digit], sum = 0;
        int shift = digit * DIGIT_BITS, mask = (1 << DIGIT_BITS) - 1;
        if (count[keys[0] >> shift & mask] == (uint64_t)known) continue;
        for (int value = 0; value <= mask; value++) {
            uint32_t here = count[value];
            count[value] = sum;
            sum += here;
        }
        for (int64_t place = 0; place < known; place++) {
            uint32_t next = count[keys[place] >> shift & mask]++;
            others[next] = keys[place];
            to[next] = from[place];
        }
        uint64_t *swapped = keys;
        keys = others, others = swapped;
        int32_t *taken = from;
        from = to, to = taken;
    }
    if (known > 0 && from != order) memcpy(order, from, known * sizeof *order);
    for (int64_t place = 0; place < known; place++) sorted[place] = of_key(keys[place]);
    free(keys < others ? keys : others);
    free(rows);
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

/* `order` are rows from the smallest value to the largest, `values` these values. `pair` is each row's session in its
   group, counted over all groups; those of a group begin at `starts`. Filled are `rows`, the rows group by group;
   `ends`, where those of each group end; `counts`, its sessions; and `figures`, three for each of the `asked` quantiles
   of a group that has at least `least` calls. False without memory. */
static int figures_of(
    const int32_t *order, const double *values, int64_t n, const int32_t *pair, const int64_t *starts, int64_t groups,
    const double *asked, const int64_t *least, int64_t quantiles, int32_t *rows, int64_t *ends, int64_t *counts,
    double *figures, double *points, Point point
) {
    int64_t pairs = starts[groups], size = n ? n : 1, most = 1, most_cells = 1;
    double *sorted = malloc(size * sizeof *sorted);
    int32_t *sessions = malloc(size * sizeof *sessions), *own = malloc(size * sizeof *own);
    /* How many sessions with such calls a group has before each pair; and the group of each. */
    int32_t *before = malloc((pairs + 1) * sizeof *before), *group_of = malloc((pairs + 1) * sizeof *group_of);
    int64_t *begin = malloc((groups + 1) * sizeof *begin);
    int done = sorted && sessions && own && before && group_of && begin;
    if (done) {
        memset(before, 0, (pairs + 1) * sizeof *before);
        for (int64_t i = 0; i < n; i++) before[own[i] = pair[order[i]]]++;
        int64_t sum = 0;
        for (int64_t group = 0; group < groups; group++) {
            int32_t count = 0;
            begin[group] = ends[group] = sum;
            for (int64_t i = starts[group]; i < starts[group + 1]; i++) {
                sum += before[i];
                int32_t has_any = before[i] > 0;
                before[i] = count, group_of[i] = (int32_t)group;
                count += has_any;
            }
            counts[group] = count;
            if (count > most) most = count;
            int64_t cells = 2 * (sum - begin[group]) + 2 * count;
            if (cells > most_cells) most_cells = cells;
        }
        if (groups == 1) {
            memcpy(rows, order, n * sizeof *rows);
            memcpy(sorted, values, n * sizeof *sorted);
            for (int64_t i = 0; i < n; i++) sessions[i] = before[own[i]];
            ends[0] = n;
        } else
            for (int64_t i = 0; i < n; i++) {
                int64_t place = ends[group_of[own[i]]]++;
                rows[place] = order[i];
                sorted[place] = values[i];
                sessions[place] = before[own[i]];
            }
    }
    Group one = {0};
    one.first = malloc((size + 1) * sizeof *one.first);
    one.below = malloc(2 * most * sizeof *one.below);
    one.marks = malloc(most_cells * sizeof *one.marks);
    one.expected = malloc(most * sizeof *one.expected);
    done = done && one.first && one.below && one.marks && one.expected;
    one.sizes = one.below ? one.below + most : NULL;
    for (int64_t group = 0; group < groups && done; group++) {
        one.size = ends[group] - begin[group], one.count = counts[group];
        one.values = sorted + begin[group], one.sessions = sessions + begin[group];
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
    free(sorted), free(sessions), free(own), free(before), free(group_of), free(begin);
    free(one.first), free(one.below), free(one.marks), free(one.expected);
    return done;
}

/* ---- quantiles of very many short numbers ---- */

static inline uint32_t short_key(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) return UINT32_MAX; /* no number */
    return bits ^ (-(bits >> 31) | (uint32_t)1 << 31);
}

static inline double of_short_key(uint32_t key) {
    uint32_t bits = key >> 31 ? key & ~((uint32_t)1 << 31) : ~key;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The same rows in their order where they are a large part of `all`: memory is faster read in its order. */
static int32_t *in_order(const int32_t *rows, int64_t n, int64_t all) {
    int32_t *listed = malloc((n ? n : 1) * sizeof *listed);
    uint8_t *chosen = 8 * n > all ? calloc(all, 1) : NULL;
    if (listed && chosen) {
        int64_t next = 0;
        for (int64_t i = 0; i < n; i++) chosen[rows[i]] += chosen[rows[i]] < 255;
        for (int64_t row = 0; row < all; row++)
            for (uint8_t times = chosen[row]; times && next < n; times--) listed[next++] = (int32_t)row;
        if (next < n) memcpy(listed, rows, n * sizeof *listed); /* some row more than 255 times */
    } else if (listed)
        memcpy(listed, rows, n * sizeof *listed);
    free(chosen);
    return listed;
}

/* Keys that have their upper 13 bits in common, in several runs. */
typedef struct {
    const uint32_t *keys;
    int64_t n;
} Run;

/* The key of a rank among all of some runs: the lower 19 bits are counted in two steps. */
static uint32_t key_at(const Run *runs, int64_t count, int64_t rank) {
    uint32_t middle[1024] = {0}, low[512] = {0}, first = 0, sub, last;
    for (int64_t k = 0; k < count; k++)
        for (int64_t i = 0; i < runs[k].n; i++) middle[runs[k].keys[i] >> 9 & 1023]++;
    for (sub = 0; rank >= middle[sub]; sub++) rank -= middle[sub];
    for (int64_t k = 0; k < count; k++)
        for (int64_t i = 0; i < runs[k].n; i++)
            if ((runs[k].keys[i] >> 9 & 1023) == sub) low[runs[k].keys[i] & 511]++;
    for (last = 0; rank >= low[last]; last++) rank -= low[last];
    for (int64_t k = 0; k < count && !first; k++)
        if (runs[k].n) first = runs[k].keys[0] >> 19 << 19 | sub << 9 | last;
    return first;
}

/* One bin that holds a rank of a part: how many values of the part lie before it. */
typedef struct {
    int64_t bin, ahead;
} Wanted;

/* All that `quantiles_of_parts` works with. */
typedef struct {
    int64_t fine, runs;
    uint32_t *counts, *odd, *sums;
    int64_t *next;
    uint8_t *step;
    uint32_t *kept;
    Wanted *wanted;
    Run *listed;
} Work;

/* Where each value goes: those of bins that are needed next to each other, all others to one place beyond. */
static int laid_out(Work *work) {
    int64_t room = 0, cells = work->fine * BINS;
    for (int64_t cell = 0; cell < cells; cell++) {
        work->next[cell] = room;
        if (work->step[cell]) room += work->counts[cell];
    }
    for (int64_t cell = 0; cell < cells; cell++)
        if (!work->step[cell]) work->next[cell] = room;
    work->kept = malloc((room + 1) * sizeof *work->kept);
    return work->kept != NULL;
}

/* Which bins hold the ranks of a part, whose groups are `members`. */
static void find_wanted(
    Work *work, const int32_t *members, int64_t count, const double *asked, int64_t quantiles, Wanted *wanted
) {
    int64_t total = 0, sum = 0, bin = 0;
    double part;
    memset(work->sums, 0, BINS * sizeof *work->sums);
    for (int64_t m = 0; m < count; m++)
        for (int64_t b = 0; b < BINS; b++) work->sums[b] += work->counts[members[m] * BINS + b];
    for (int64_t b = 0; b < BINS; b++) total += work->sums[b];
    if (!total) return;
    for (int64_t k = 0; k < 2 * quantiles; k++) {
        int64_t place = place_of(asked[k / 2], total, &part) + k % 2;
        if (place >= total) place = total - 1;
        if (place < sum) bin = sum = 0;
        while (place >= sum + work->sums[bin]) sum += work->sums[bin++];
        wanted[k].bin = bin, wanted[k].ahead = sum;
        for (int64_t m = 0; m < count; m++) work->step[members[m] * BINS + bin] = 1;
    }
}

static double value_at(Work *work, const int32_t *members, int64_t count, const Wanted *wanted, int64_t place) {
    for (int64_t m = 0; m < count; m++) {
        int64_t cell = members[m] * BINS + wanted->bin;
        /* The values of the cell were put before where the next one would go. */
        work->listed[m].n = work->counts[cell];
        work->listed[m].keys = work->kept + work->next[cell] - work->counts[cell];
    }
    return of_short_key(key_at(work->listed, count, place - wanted->ahead));
}

/* Quantiles of all `width` values of the rows of each part taken together; `unordered` may be NULL for all rows.
   `fine` is the small group of each row (NULL: all are of one), and a part is some of these: its `members` begin at
   `starts`. All values are gone through twice, however many parts there are: to count them by their upper 13 bits, and
   to set aside those near a quantile. `found` has the quantiles of each part, NaN for a part without values. False
   without memory. */
static int quantiles_of_parts(
    const float *values, int64_t all, int64_t width, const int32_t *unordered, int64_t n, const int32_t *fine,
    int64_t groups, const int64_t *starts, const int32_t *members, int64_t parts, const double *asked,
    int64_t quantiles, double *found
) {
    int64_t cells = groups * BINS;
    int32_t *rows = unordered ? in_order(unordered, n, all) : NULL;
    Work work = {groups, 0};
    /* Two counts in turn: values that follow each other are alike, and would wait for one another. */
    work.counts = calloc(2 * cells, sizeof *work.counts);
    work.odd = work.counts ? work.counts + cells : NULL;
    work.sums = malloc(BINS * sizeof *work.sums);
    work.next = malloc(cells * sizeof *work.next);
    work.step = calloc(cells, 1);
    work.wanted = malloc(parts * quantiles * 2 * sizeof *work.wanted);
    work.listed = malloc(groups * sizeof *work.listed);
    int done = (rows || !unordered) && work.counts && work.sums && work.next && work.step && work.wanted && work.listed;
    for (int64_t i = 0; i < n && done; i++) {
        int64_t at = rows ? rows[i] : i, j = 0;
        const float *row = values + at * width;
        uint32_t *even = work.counts + (fine ? fine[at] * BINS : 0), *odd = even + cells;
        for (; j + 2 <= width; j += 2) {
            even[short_key(row[j]) >> 19]++;
            odd[short_key(row[j + 1]) >> 19]++;
        }
        if (j < width) even[short_key(row[j]) >> 19]++;
    }
    for (int64_t cell = 0; cell < cells && done; cell++) work.counts[cell] += work.odd[cell];
    for (int64_t part = 0; part < parts && done; part++)
        find_wanted(
            &work, members + starts[part], starts[part + 1] - starts[part], asked, quantiles,
            work.wanted + part * quantiles * 2
        );
    done = done && laid_out(&work);
    for (int64_t i = 0; i < n && done; i++) {
        int64_t at = rows ? rows[i] : i, base = fine ? fine[at] * BINS : 0;
        const float *row = values + at * width;
        /* Without a choice between what is needed and what is not, which could not be foreseen. */
        for (int64_t j = 0; j < width; j++) {
            uint32_t key = short_key(row[j]);
            int64_t cell = base + (key >> 19);
            work.kept[work.next[cell]] = key;
            work.next[cell] += work.step[cell];
        }
    }
    for (int64_t part = 0; part < parts && done; part++) {
        const int32_t *own = members + starts[part];
        int64_t count = starts[part + 1] - starts[part], total = 0;
        for (int64_t m = 0; m < count; m++)
            for (int64_t b = 0; b < BINS; b++) total += work.counts[own[m] * BINS + b];
        for (int64_t k = 0; k < quantiles; k++) {
            const Wanted *wanted = work.wanted + (part * quantiles + k) * 2;
            double portion, *target = found + part * quantiles + k;
            int64_t place = total ? place_of(asked[k], total, &portion) : 0;
            *target = NAN;
            if (!total) continue;
            double low = value_at(&work, own, count, wanted, place);
            double high = value_at(&work, own, count, wanted + 1, place + 1 < total ? place + 1 : total - 1);
            *target = between(low, high, portion);
        }
    }
    free(rows), free(work.counts), free(work.sums), free(work.next), free(work.step), free(work.wanted);
    free(work.listed), free(work.kept);
    return done;
}

#endif
