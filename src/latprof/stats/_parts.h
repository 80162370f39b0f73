/* Quantiles of very many short numbers in groups that lie in each other, in plain C: only those near a quantile are
   looked at closely. What comes out is what sorting all of them gives. No function needs Python. */

#ifndef LATPROF_PARTS_H
#define LATPROF_PARTS_H

#include "_quantiles.h"

#define BINS (1 << 13)

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

/* One bin that holds a rank of a part: how many of the part's values, of a `total`, lie before it. */
typedef struct {
    int64_t bin, ahead, total;
} Wanted;

/* All that `quantiles_of_parts` works with: the values (`width` for each row), the rows in question (NULL: all) and the
   small group of each row (NULL: all are of one); a cell is a bin of a small group. */
typedef struct {
    const float *values;
    int64_t width, n, cells;
    int32_t *rows;
    const int32_t *fine;
    uint32_t *counts, *sums, *kept;
    int64_t *next;
    uint8_t *step;
    Wanted *wanted;
    Run *listed;
} Work;

static int room_for_work(Work *work, int64_t groups, int64_t wanted) {
    work->cells = groups * BINS;
    work->counts = calloc(2 * work->cells, sizeof *work->counts);
    work->sums = malloc(BINS * sizeof *work->sums);
    work->next = malloc(work->cells * sizeof *work->next);
    work->step = calloc(work->cells, 1);
    work->wanted = malloc(wanted * sizeof *work->wanted);
    work->listed = malloc(groups * sizeof *work->listed);
    return work->counts && work->sums && work->next && work->step && work->wanted && work->listed;
}

static void count_values(Work *work) {
    for (int64_t i = 0; i < work->n; i++) {
        int64_t at = work->rows ? work->rows[i] : i, j = 0;
        const float *row = work->values + at * work->width;
        /* Two counts in turn: values that follow each other are alike, and would wait for one another. */
        uint32_t *even = work->counts + (work->fine ? work->fine[at] * (int64_t)BINS : 0), *odd = even + work->cells;
        for (; j + 2 <= work->width; j += 2) {
            even[short_key(row[j]) >> 19]++;
            odd[short_key(row[j + 1]) >> 19]++;
        }
        if (j < work->width) even[short_key(row[j]) >> 19]++;
    }
    for (int64_t cell = 0; cell < work->cells; cell++) work->counts[cell] += work->counts[work->cells + cell];
}

/* Which bins hold the ranks of a part, whose groups are `members`. */
static void find_wanted(
    Work *work, const int32_t *members, int64_t count, const double *asked, int64_t quantiles, Wanted *wanted
) {
    int64_t total = 0, sum = 0, bin = 0;
    double part;
    memset(work->sums, 0, BINS * sizeof *work->sums);
    for (int64_t m = 0; m < count; m++)
        for (int64_t b = 0; b < BINS; b++) work->sums[b] += work->counts[members[m] * (int64_t)BINS + b];
    for (int64_t b = 0; b < BINS; b++) total += work->sums[b];
    wanted[0].total = total;
    if (!total) return;
    for (int64_t k = 0; k < 2 * quantiles; k++) {
        int64_t place = place_of(asked[k / 2], total, &part) + k % 2;
        if (place >= total) place = total - 1;
        if (place < sum) bin = sum = 0;
        while (place >= sum + work->sums[bin]) sum += work->sums[bin++];
        wanted[k].bin = bin, wanted[k].ahead = sum, wanted[k].total = total;
        for (int64_t m = 0; m < count; m++) work->step[members[m] * (int64_t)BINS + bin] = 1;
    }
}

/* Sets aside the values of the bins that are needed, those of a cell next to each other. False without memory. */
static int set_aside(Work *work) {
    int64_t room = 0;
    for (int64_t cell = 0; cell < work->cells; cell++) {
        work->next[cell] = room;
        if (work->step[cell]) room += work->counts[cell];
    }
    for (int64_t cell = 0; cell < work->cells; cell++)
        if (!work->step[cell]) work->next[cell] = room;
    work->kept = malloc((room + 1) * sizeof *work->kept);
    if (!work->kept) return 0;
    for (int64_t i = 0; i < work->n; i++) {
        int64_t at = work->rows ? work->rows[i] : i, base = work->fine ? work->fine[at] * (int64_t)BINS : 0;
        const float *row = work->values + at * work->width;
        /* Without a choice, which could not be foreseen: what is not needed goes to one place beyond all others. */
        for (int64_t j = 0; j < work->width; j++) {
            uint32_t key = short_key(row[j]);
            int64_t cell = base + (key >> 19);
            work->kept[work->next[cell]] = key;
            work->next[cell] += work->step[cell];
        }
    }
    return 1;
}

static double value_at(Work *work, const int32_t *members, int64_t count, const Wanted *wanted, int64_t place) {
    for (int64_t m = 0; m < count; m++) {
        int64_t cell = members[m] * (int64_t)BINS + wanted->bin;
        /* The values of the cell were put before where the next one would go. */
        work->listed[m].n = work->counts[cell];
        work->listed[m].keys = work->kept + work->next[cell] - work->counts[cell];
    }
    return of_short_key(key_at(work->listed, count, place - wanted->ahead));
}

static double quantile_at(Work *work, const int32_t *members, int64_t count, const Wanted *wanted, double p) {
    double part;
    int64_t total = wanted->total, place = total ? place_of(p, total, &part) : 0;
    if (!total) return NAN;
    double low = value_at(work, members, count, wanted, place);
    return between(low, value_at(work, members, count, wanted + 1, place + 1 < total ? place + 1 : total - 1), part);
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
    Work work = {.values = values, .width = width, .n = n, .fine = fine};
    work.rows = unordered ? in_order(unordered, n, all) : NULL;
    int done = room_for_work(&work, groups, 2 * parts * quantiles) && (work.rows || !unordered);
    if (done) {
        count_values(&work);
        for (int64_t part = 0; part < parts; part++)
            find_wanted(
                &work, members + starts[part], starts[part + 1] - starts[part], asked, quantiles,
                work.wanted + 2 * part * quantiles
            );
        done = set_aside(&work);
    }
    for (int64_t part = 0; part < parts && done; part++)
        for (int64_t k = 0; k < quantiles; k++) {
            Wanted *wanted = work.wanted + 2 * part * quantiles;
            if (wanted->total) wanted += 2 * k;
            found[part * quantiles + k] = quantile_at(
                &work, members + starts[part], starts[part + 1] - starts[part], wanted, asked[k]
            );
        }
    free(work.rows), free(work.counts), free(work.sums), free(work.next), free(work.step), free(work.wanted);
    free(work.listed), free(work.kept);
    return done;
}

#endif
