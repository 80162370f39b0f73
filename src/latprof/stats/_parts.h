/* Quantiles of very many short numbers in groups that lie in each other, in plain C: only those near a quantile are
   looked at closely. What comes out is what sorting all of them gives. No function needs Python. */

#ifndef LATPROF_PARTS_H
#define LATPROF_PARTS_H

#include "_group.h"

/* Values are counted in at most so many steps of equal width, and the last bits of those in one step by so many. */
#define STEPS (1 << 10)
#define LOW_BITS 10
/* A value that is twice as large has a key that is so much larger. */
#define OCTAVE (1u << 23)
/* Values of which the keys are made together; a row has no more. */
#define AT_ONCE 1024
#define USUAL 12
/* One value of each row says where the quantiles of all lie, give or take so many standard errors. */
#define ERRORS 4.0

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

/* What is asked: quantiles of all `width` values of the rows of each part taken together. `of_row` is the small group of
   each row, -1 where it is in none, and a part is some of these: its `members` begin at `starts`. */
typedef struct {
    const float *values;
    const int32_t *of_row;
    const int64_t *starts;
    const int32_t *members;
    const double *asked;
    int64_t n, width, groups, parts, quantiles;
} Question;

/* The step of a rank of a part, and how many of the part's values lie before that step. */
typedef struct {
    int64_t step, ahead;
} Found;

/* Keys that lie next to each other. */
typedef struct {
    const uint32_t *keys;
    int64_t n;
} Run;

/* A box is a step of a small group, or what lies beyond the last one: `counts` how many values it has, `needed` whether
   they are kept. `rows` are those in question, one small group after the other, from one of `firsts` on. What is kept
   goes to `kept`, group by group up to its `ends`; then to `sorted`, box by box from `begins`. `found` has two ranks for
   each quantile of each part, `totals` its values. */
typedef struct {
    uint32_t base;
    int shift;
    int64_t steps, boxes;
    uint32_t *counts, *sums, *kept, *sorted;
    uint8_t *needed;
    int64_t *begins, *totals, *firsts, *ends;
    int32_t *rows;
    Found *found;
    Run *runs;
} Survey;

/* Puts the rows of each small group next to each other: what is counted for one group at a time is near at hand. */
static void gather(const Question *asked, Survey *survey) {
    int64_t sum = 0;
    memset(survey->firsts, 0, (asked->groups + 1) * sizeof *survey->firsts);
    for (int64_t row = 0; row < asked->n; row++)
        if (asked->of_row[row] >= 0) survey->firsts[asked->of_row[row]]++;
    for (int64_t group = 0; group <= asked->groups; group++) {
        int64_t here = survey->firsts[group];
        survey->firsts[group] = sum;
        sum += here;
    }
    for (int64_t row = 0; row < asked->n; row++)
        if (asked->of_row[row] >= 0) survey->rows[survey->firsts[asked->of_row[row]]++] = (int32_t)row;
    for (int64_t group = asked->groups; group > 0; group--) survey->firsts[group] = survey->firsts[group - 1];
    survey->firsts[0] = 0;
}

/* How the keys of the rows in question become steps: by all of their values; or by the first and the last of each row, and
   so much beyond, which nearly always is enough where rows are nearly in order. The key of one value of each row comes
   back in `kept`. */
static void span(const Question *asked, Survey *survey, int all) {
    uint32_t low = UINT32_MAX, high = 0;
    int64_t width = asked->width, apart = all || width < 2 ? 1 : width - 1, turn = 0;
    for (int64_t i = 0; i < survey->firsts[asked->groups]; i++) {
        const float *values = asked->values + survey->rows[i] * width;
        for (int64_t j = 0; j < width; j += apart) {
            uint32_t key = short_key(values[j]);
            low = key < low ? key : low;
            high = key > high ? key : high;
        }
        turn = turn + 5 < width ? turn + 5 : (turn + 5) % width;
        survey->kept[i] = short_key(values[turn]);
    }
    if (!all && low <= high) {
        low = low > OCTAVE ? low - OCTAVE : 0;
        high = high < UINT32_MAX - OCTAVE ? high + OCTAVE : UINT32_MAX;
    }
    survey->base = low, survey->shift = 0;
    high = high > low ? high - low : 0;
    while (high >> survey->shift >= STEPS) survey->shift++;
    survey->steps = (high >> survey->shift) + 1;
    survey->boxes = survey->steps + 1;
}

/* The step of a key; the last one for keys that are out of reach. */
static inline uint32_t nearest_step(const Survey *survey, uint32_t key) {
    uint32_t step = (key - survey->base) >> survey->shift;
    return step < survey->steps ? step : (uint32_t)survey->steps - 1;
}

/* Counts one value of each row. */
static void count_some(const Question *asked, Survey *survey) {
    for (int64_t group = 0; group < asked->groups; group++)
        for (int64_t i = survey->firsts[group]; i < survey->firsts[group + 1]; i++)
            survey->counts[group * survey->boxes + nearest_step(survey, survey->kept[i])]++;
}

/* The keys of values that lie next to each other, and their steps; keys that are out of reach get one beyond the last. */
FOR_EACH_PROCESSOR static void steps_of(
    const float *values, int64_t n, uint32_t base, int shift, uint32_t beyond, uint32_t *keys, uint32_t *steps
) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t key = short_key(values[i]), step = (key - base) >> shift;
        keys[i] = key;
        steps[i] = step < beyond ? step : beyond;
    }
}

/* The values of some rows, one row after the other. */
static void copy_rows(const Question *asked, const int32_t *rows, int64_t many, float *values) {
    int64_t width = asked->width;
    /* As many as there are of an estimate: the compiler knows how to copy these. */
    for (int64_t i = 0; i < many && width == USUAL; i++)
        memcpy(values + USUAL * i, asked->values + USUAL * (int64_t)rows[i], USUAL * sizeof *values);
    for (int64_t i = 0; i < many && width != USUAL; i++)
        memcpy(values + width * i, asked->values + width * rows[i], width * sizeof *values);
}

/* Counts values of one small group by their steps, and keeps those of the boxes that are needed, from `next` on. */
static int64_t count_values(
    const uint32_t *keys, const uint32_t *steps, int64_t n, uint32_t *counts, uint32_t *others, const uint8_t *needed,
    uint32_t *kept, int64_t next
) {
    int64_t i = 0;
    /* Two counts in turn: values that follow each other are alike, and would wait for one another. */
    for (; i + 2 <= n; i += 2) {
        counts[steps[i]]++, others[steps[i + 1]]++;
        /* Without a choice, which could not be foreseen: the next one takes the place of what is not needed. */
        kept[next] = keys[i];
        next += needed[steps[i]];
        kept[next] = keys[i + 1];
        next += needed[steps[i + 1]];
    }
    if (i < n) {
        counts[steps[i]]++;
        kept[next] = keys[i];
        next += needed[steps[i]];
    }
    return next;
}

/* Counts all values, and keeps those of the boxes that are needed. False where one was out of reach. */
static int count_all(const Question *asked, Survey *survey) {
    int64_t next = 0, width = asked->width, rows = AT_ONCE / width;
    uint32_t keys[AT_ONCE], steps[AT_ONCE], others[STEPS + 1], beyond = 0;
    float values[AT_ONCE];
    memset(survey->counts, 0, asked->groups * survey->boxes * sizeof *survey->counts);
    for (int64_t group = 0; group < asked->groups; group++) {
        uint32_t *counts = survey->counts + group * survey->boxes;
        memset(others, 0, survey->boxes * sizeof *others);
        for (int64_t first = survey->firsts[group]; first < survey->firsts[group + 1]; first += rows) {
            int64_t left = survey->firsts[group + 1] - first, many = left < rows ? left : rows;
            copy_rows(asked, survey->rows + first, many, values);
            steps_of(values, many * width, survey->base, survey->shift, (uint32_t)survey->steps, keys, steps);
            next = count_values(
                keys, steps, many * width, counts, others, survey->needed + group * survey->boxes, survey->kept, next
            );
        }
        for (int64_t box = 0; box < survey->boxes; box++) counts[box] += others[box];
        beyond |= counts[survey->steps];
        survey->ends[group] = next;
    }
    return !beyond;
}

/* How many values a part has in each step, which become the `sums`; and how many it has. */
static int64_t add_up(const Question *asked, Survey *survey, int64_t part) {
    int64_t total = 0;
    memset(survey->sums, 0, survey->steps * sizeof *survey->sums);
    for (int64_t m = asked->starts[part]; m < asked->starts[part + 1]; m++) {
        const uint32_t *counts = survey->counts + asked->members[m] * survey->boxes;
        for (int64_t step = 0; step < survey->steps; step++) survey->sums[step] += counts[step];
    }
    for (int64_t step = 0; step < survey->steps; step++) total += survey->sums[step];
    return total;
}

static Found step_of(const Survey *survey, int64_t rank) {
    Found found = {0, 0};
    while (rank >= found.ahead + survey->sums[found.step]) found.ahead += survey->sums[found.step++];
    return found;
}

/* Says that steps of a part are needed; how many of its boxes were not before. */
static int64_t need(const Question *asked, Survey *survey, int64_t part, int64_t from, int64_t to) {
    int64_t more = 0;
    for (int64_t m = asked->starts[part]; m < asked->starts[part + 1]; m++)
        for (int64_t step = from; step <= to; step++) {
            uint8_t *needed = survey->needed + asked->members[m] * survey->boxes + step;
            more += !*needed;
            *needed = 1;
        }
    return more;
}

/* Which boxes will be needed, by one value of each row. */
static void foresee(const Question *asked, Survey *survey) {
    count_some(asked, survey);
    for (int64_t part = 0; part < asked->parts; part++) {
        int64_t total = add_up(asked, survey, part);
        for (int64_t k = 0; k < asked->quantiles && total; k++) {
            double p = asked->asked[k], reach = ERRORS * sqrt((double)total * p * (1 - p)) + 2;
            double low = p * (double)(total - 1) - reach, high = p * (double)(total - 1) + reach;
            int64_t last = high < (double)(total - 1) ? (int64_t)high : total - 1;
            need(asked, survey, part, step_of(survey, low > 0 ? (int64_t)low : 0).step, step_of(survey, last).step);
        }
    }
}

/* Finds the steps of all ranks; how many boxes are needed that were not before. */
static int64_t find_steps(const Question *asked, Survey *survey) {
    int64_t more = 0;
    double share;
    for (int64_t part = 0; part < asked->parts; part++) {
        int64_t total = survey->totals[part] = add_up(asked, survey, part);
        for (int64_t k = 0; k < 2 * asked->quantiles && total; k++) {
            int64_t place = place_of(asked->asked[k / 2], total, &share) + k % 2;
            Found found = step_of(survey, place < total ? place : total - 1);
            survey->found[2 * part * asked->quantiles + k] = found;
            more += need(asked, survey, part, found.step, found.step);
        }
    }
    return more;
}

/* Puts what was kept next to each other, box by box. False without memory. */
static int sort_kept(const Question *asked, Survey *survey) {
    int64_t sum = 0, boxes = asked->groups * survey->boxes, next = 0;
    for (int64_t box = 0; box < boxes; box++) {
        survey->begins[box] = sum;
        if (survey->needed[box]) sum += survey->counts[box];
    }
    survey->sorted = malloc((sum + 1) * sizeof *survey->sorted);
    for (int64_t group = 0; group < asked->groups && survey->sorted; group++) {
        int64_t *begins = survey->begins + group * survey->boxes;
        for (; next < survey->ends[group]; next++) {
            uint32_t key = survey->kept[next];
            survey->sorted[begins[(key - survey->base) >> survey->shift]++] = key;
        }
    }
    return survey->sorted != NULL;
}

/* The key of a rank among all of some runs, which have all but their last `bits` bits in common. */
static uint32_t key_at(const Run *runs, int64_t count, int64_t rank, uint32_t base, int bits) {
    uint32_t prefix = 0;
    for (int left = bits; left > 0;) {
        int here = left < LOW_BITS ? left : LOW_BITS, below = left - here;
        uint32_t counted[1 << LOW_BITS] = {0}, digit = 0;
        for (int64_t k = 0; k < count; k++)
            for (int64_t i = 0; i < runs[k].n; i++) {
                uint32_t key = (runs[k].keys[i] - base) & (((uint64_t)1 << bits) - 1);
                /* The first digit needs no look at those before it. */
                if (left == bits || key >> left == prefix) counted[key >> below & ((1 << here) - 1)]++;
            }
        for (; rank >= counted[digit]; digit++) rank -= counted[digit];
        prefix = prefix << here | digit;
        left = below;
    }
    return prefix;
}

static double value_at(const Question *asked, Survey *survey, int64_t part, Found found, int64_t rank) {
    int64_t count = 0;
    for (int64_t m = asked->starts[part]; m < asked->starts[part + 1]; m++) {
        int64_t box = asked->members[m] * survey->boxes + found.step, n = survey->counts[box];
        /* The values of a box were put before where the next one would go. */
        survey->runs[count++] = (Run){survey->sorted + survey->begins[box] - n, n};
    }
    uint32_t last = key_at(survey->runs, count, rank - found.ahead, survey->base, survey->shift);
    return of_short_key(survey->base + ((uint32_t)found.step << survey->shift) + last);
}

static double part_quantile(const Question *asked, Survey *survey, int64_t part, int64_t k) {
    double share;
    int64_t total = survey->totals[part], place = total ? place_of(asked->asked[k], total, &share) : 0;
    const Found *found = survey->found + 2 * (part * asked->quantiles + k);
    if (!total) return NAN;
    double low = value_at(asked, survey, part, found[0], place);
    return between(low, value_at(asked, survey, part, found[1], place + 1 < total ? place + 1 : total - 1), share);
}

static int room_for(const Question *asked, Survey *survey) {
    int64_t boxes = asked->groups * (STEPS + 1);
    survey->counts = malloc(boxes * sizeof *survey->counts);
    survey->needed = malloc(boxes);
    survey->begins = malloc(boxes * sizeof *survey->begins);
    survey->sums = malloc(STEPS * sizeof *survey->sums);
    survey->totals = malloc(asked->parts * sizeof *survey->totals);
    survey->found = malloc(2 * asked->parts * asked->quantiles * sizeof *survey->found);
    survey->runs = malloc(asked->groups * sizeof *survey->runs);
    survey->firsts = malloc((asked->groups + 1) * sizeof *survey->firsts);
    survey->ends = malloc(asked->groups * sizeof *survey->ends);
    return survey->counts && survey->needed && survey->begins && survey->sums && survey->totals && survey->found &&
           survey->runs && survey->firsts && survey->ends;
}

/* Looks all values over; false where the steps do not reach all of them. */
static int looked_over(const Question *asked, Survey *survey, int all) {
    span(asked, survey, all);
    memset(survey->counts, 0, asked->groups * survey->boxes * sizeof *survey->counts);
    memset(survey->needed, 0, asked->groups * survey->boxes);
    foresee(asked, survey);
    return count_all(asked, survey);
}

/* Fills `answer` with the quantiles of each part, NaN for a part without values. All values are gone through once, and
   once more where steps do not reach them or what was kept is not enough. `kept` has room for the keys of all of them and
   one more, and `rows` for the numbers of all rows. False without memory. */
static int answer_parts(const Question *asked, uint32_t *kept, int32_t *rows, double *answer) {
    Survey survey = {.kept = kept, .rows = rows};
    int done = room_for(asked, &survey);
    if (done) {
        gather(asked, &survey);
        if (!looked_over(asked, &survey, 0)) looked_over(asked, &survey, 1);
        if (find_steps(asked, &survey)) count_all(asked, &survey);
        done = sort_kept(asked, &survey);
    }
    for (int64_t part = 0; part < asked->parts && done; part++)
        for (int64_t k = 0; k < asked->quantiles; k++)
            answer[part * asked->quantiles + k] = part_quantile(asked, &survey, part, k);
    free(survey.counts), free(survey.needed), free(survey.begins), free(survey.sums), free(survey.totals);
    free(survey.found), free(survey.runs), free(survey.sorted), free(survey.firsts), free(survey.ends);
    return done;
}

#endif
