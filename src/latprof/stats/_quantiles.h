/* Percentiles of all groups of several groupings of one metric, in plain C. No function needs Python. */

#ifndef LATPROF_QUANTILES_H
#define LATPROF_QUANTILES_H

#include "_group.h"
#include "_order.h"

/* So many groupings are dealt out together, which saves time: a call of one need not wait for that of another. Of very
   many calls that takes more memory than it is worth. */
#define ABREAST 3
#define VERY_MANY 100000

static int64_t most_abreast(int64_t calls) { return calls > VERY_MANY ? 1 : ABREAST; }

/* How calls fall into groups. Calls that are of the same session and in the same groups are of one cell: `cell` is each
   call's, `sizes` their calls. `pair` is a cell's session in its group, for each of the cuts, counted over all groups of
   all cuts; those of a group begin at `starts`, and the groups of a cut at `begins`. */
typedef struct {
    const int32_t *cell, *sizes, *pair;
    const int64_t *starts, *begins;
    int64_t n, cells, cuts;
} Plan;

/* What is asked of each group of those cuts that are `chosen`, and what there is of it: its calls, its sessions, and for
   each of the `quantiles` for which it has at least `least` calls three figures, the last two, which are the ends of an
   interval, if they are `bounded`. Of other cuts' groups there are no calls. */
typedef struct {
    const uint8_t *chosen, *bounded;
    const double *asked;
    const int64_t *least;
    int64_t quantiles;
    int64_t *calls, *sessions;
    double *figures, *points;
    int64_t room;
} Wanted;

/* All that is worked with, which lies in one piece of memory. `have` counts the calls of each cell, `own` those of each
   pair, which becomes the `sizes` of the sessions that have any; `number` is a pair's place among these and `group` its
   group. `dealt` are calls by group, from where each one's `begin`. */
typedef struct {
    Order order;
    uint64_t *pairs, *dealt, *table;
    int64_t *begin;
    int32_t *next, *last, *have, *own, *sizes, *number, *group, *first, *here, *there, *marks;
    double *expected;
} Desk;

static void *taken(char *memory, int64_t *used, int64_t bytes) {
    char *place = memory ? memory + *used : NULL;
    *used += (bytes + 63) / 64 * 64;
    return place;
}

/* Divides the memory; how much is needed, which may be asked without any. */
static int64_t set_up(Desk *desk, const Plan *plan, char *memory) {
    int64_t used = 0, n = plan->n + 1, groups = plan->begins[plan->cuts], pairs = plan->starts[groups] + 1, most = 1;
    for (int64_t g = 0; g < groups; g++)
        if (plan->starts[g + 1] - plan->starts[g] > most) most = plan->starts[g + 1] - plan->starts[g];
    /* Rows in order, with what put them there, are not needed any more where calls are dealt out. */
    int64_t dealt = most_abreast(plan->n) * n * sizeof *desk->dealt, ordered = 3 * n * sizeof *desk->order.one;
    desk->dealt = taken(memory, &used, dealt > ordered ? dealt : ordered);
    desk->order.one = (uint32_t *)desk->dealt;
    desk->order.other = memory ? desk->order.one + n : NULL;
    desk->order.keys = memory ? desk->order.one + 2 * n : NULL;
    desk->order.sorted = taken(memory, &used, n * sizeof *desk->order.sorted);
    desk->order.counts = taken(memory, &used, DIGITS * sizeof *desk->order.counts);
    desk->pairs = taken(memory, &used, n * sizeof *desk->pairs);
    desk->table = taken(memory, &used, ABREAST * plan->cells * sizeof *desk->table);
    desk->begin = taken(memory, &used, groups * sizeof *desk->begin);
    desk->next = taken(memory, &used, groups * sizeof *desk->next);
    desk->last = taken(memory, &used, groups * sizeof *desk->last);
    desk->have = taken(memory, &used, plan->cells * sizeof *desk->have);
    desk->own = taken(memory, &used, pairs * sizeof *desk->own);
    desk->sizes = taken(memory, &used, pairs * sizeof *desk->sizes);
    desk->number = taken(memory, &used, pairs * sizeof *desk->number);
    desk->group = taken(memory, &used, pairs * sizeof *desk->group);
    desk->first = taken(memory, &used, n * sizeof *desk->first);
    desk->here = taken(memory, &used, most * sizeof *desk->here);
    desk->there = taken(memory, &used, most * sizeof *desk->there);
    desk->marks = taken(memory, &used, cells_of(n, most) * sizeof *desk->marks);
    desk->expected = taken(memory, &used, most * sizeof *desk->expected);
    return used;
}

/* How many calls each cell, each pair and each group has; -1 where a group has more sessions than there are points. */
static int count_calls(Desk *desk, const Plan *plan, const double *values, int64_t known, Wanted *wanted) {
    int64_t groups = plan->begins[plan->cuts];
    memcpy(desk->have, plan->sizes, plan->cells * sizeof *desk->have);
    for (int64_t row = 0; row < plan->n && known < plan->n; row++)
        if (isnan(values[row])) desk->have[plan->cell[row]]--;
    memset(desk->own, 0, plan->starts[groups] * sizeof *desk->own);
    for (int64_t cut = 0; cut < plan->cuts; cut++)
        for (int64_t c = 0; c < plan->cells && wanted->chosen[cut]; c++)
            desk->own[plan->pair[cut * plan->cells + c]] += desk->have[c];
    for (int64_t g = 0; g < groups; g++) {
        int32_t count = 0, sum = 0, *sizes = desk->sizes + plan->starts[g];
        for (int64_t i = plan->starts[g]; i < plan->starts[g + 1]; i++) {
            desk->number[i] = count, desk->group[i] = (int32_t)g;
            sizes[count] = desk->own[i];
            sum += desk->own[i], count += desk->own[i] > 0;
        }
        wanted->calls[g] = sum, wanted->sessions[g] = count;
        if (count > wanted->room) return -1;
    }
    return 0;
}

/* Calls from the smallest value to the largest: in the upper half of each of the `pairs` is the number of its value, which
   counts the different ones, in the lower half its cell. What is left in `sorted` are the different values. */
static void name_values(Order *order, const Plan *plan, int64_t known, uint64_t *pairs) {
    int64_t next = -1;
    double last = NAN;
    for (int64_t i = 0; i < known; i++) {
        double value = order->sorted[i];
        next += value != last;
        order->sorted[next] = last = value;
        pairs[i] = (uint64_t)next << 32 | (uint32_t)plan->cell[order->rows[i]];
    }
}

/* Deals the calls out to the groups of some cuts, in their order: from both ends, since each call of a group waits for
   the one before. `next` is where the next call of a group goes from the front, `last` is behind where from the back. */
INLINE void deal(
    const uint64_t *pairs, int64_t known, const uint64_t *table, int32_t *next, int32_t *last, uint64_t *dealt, int abreast
) {
    int64_t half = known / 2;
    for (int64_t i = 0; i < known - half; i++) {
        uint64_t pair = pairs[i], value = pair & ~(uint64_t)UINT32_MAX;
        uint64_t back = i < half ? pairs[known - 1 - i] : 0, back_value = back & ~(uint64_t)UINT32_MAX;
        const uint64_t *entry = table + abreast * (int64_t)(uint32_t)pair;
        const uint64_t *back_entry = table + abreast * (int64_t)(uint32_t)back;
        for (int k = 0; k < abreast; k++) dealt[next[entry[k] >> 32]++] = value | (uint32_t)entry[k];
        if (i == half) break;
        for (int k = 0; k < abreast; k++) dealt[--last[back_entry[k] >> 32]] = back_value | (uint32_t)back_entry[k];
    }
}

/* The same where all calls are of one group. */
static void deal_to_one(const uint64_t *pairs, int64_t known, const uint64_t *table, uint64_t *dealt) {
    for (int64_t i = 0; i < known; i++)
        dealt[i] = (pairs[i] & ~(uint64_t)UINT32_MAX) | (uint32_t)table[(uint32_t)pairs[i]];
}

static int64_t groups_of(const Plan *plan, int64_t cut) { return plan->begins[cut + 1] - plan->begins[cut]; }

/* Prepares the dealing of some cuts, and deals. */
static void deal_cuts(
    Desk *desk, const Plan *plan, const int64_t *cuts, int abreast, int64_t known, const Wanted *wanted
) {
    for (int k = 0; k < abreast; k++) {
        const int32_t *pair = plan->pair + cuts[k] * plan->cells;
        int64_t place = k * known;
        for (int64_t g = plan->begins[cuts[k]]; g < plan->begins[cuts[k] + 1]; g++) {
            desk->begin[g] = place, desk->next[g] = (int32_t)place;
            place += wanted->calls[g], desk->last[g] = (int32_t)place;
        }
        for (int64_t c = 0; c < plan->cells; c++)
            desk->table[c * abreast + k] = (uint64_t)desk->group[pair[c]] << 32 | (uint32_t)desk->number[pair[c]];
    }
    if (abreast == 1 && groups_of(plan, cuts[0]) == 1)
        deal_to_one(desk->pairs, known, desk->table, desk->dealt);
    else if (abreast == 1)
        deal(desk->pairs, known, desk->table, desk->next, desk->last, desk->dealt, 1);
    else if (abreast == 2)
        deal(desk->pairs, known, desk->table, desk->next, desk->last, desk->dealt, 2);
    else
        deal(desk->pairs, known, desk->table, desk->next, desk->last, desk->dealt, 3);
}

/* The figures of a group whose calls were dealt out. */
static void figures_of(Desk *desk, const Plan *plan, int64_t g, Wanted *wanted) {
    Group one = {
        .values = desk->order.sorted, .calls = desk->dealt + desk->begin[g],
        .sizes = desk->sizes + plan->starts[g], .size = wanted->calls[g], .count = wanted->sessions[g],
        .first = desk->first, .marks = desk->marks, .expected = desk->expected, .points = wanted->points,
        .here = {.below = desk->here}, .there = {.below = desk->there},
    };
    int is_marked = 0;
    for (int64_t k = 0; k < wanted->quantiles; k++) {
        double *figure = wanted->figures + 3 * (g * wanted->quantiles + k);
        figure[0] = figure[1] = figure[2] = NAN;
        if (!one.size || one.size < wanted->least[k]) continue;
        if (!wanted->bounded[k]) {
            figure[0] = quantile_of(&one, wanted->asked[k]);
            continue;
        }
        if (!is_marked && one.count > 1) set_marks(&one);
        is_marked = 1;
        figure_of(&one, wanted->asked[k], figure);
    }
}

/* What is wanted of a metric. `memory` is as large as `set_up` says. 0 without more memory, -1 where points are missing. */
static int measured(const Plan *plan, const double *values, char *memory, Wanted *wanted) {
    Desk desk;
    set_up(&desk, plan, memory);
    int64_t known = in_order(&desk.order, values, plan->n);
    if (known < 0) return 0;
    if (count_calls(&desk, plan, values, known, wanted)) return -1;
    name_values(&desk.order, plan, known, desk.pairs);
    int64_t cuts[ABREAST], cut = 0;
    while (cut < plan->cuts) {
        int abreast = 0;
        for (; cut < plan->cuts && abreast < most_abreast(plan->n); cut++) {
            if (!wanted->chosen[cut]) continue;
            /* One group is dealt to in a simpler way. */
            if (abreast && groups_of(plan, cut) == 1) break;
            cuts[abreast++] = cut;
            if (groups_of(plan, cut) == 1) {
                cut++;
                break;
            }
        }
        if (abreast) deal_cuts(&desk, plan, cuts, abreast, known, wanted);
        for (int k = 0; k < abreast; k++)
            for (int64_t g = plan->begins[cuts[k]]; g < plan->begins[cuts[k] + 1]; g++) figures_of(&desk, plan, g, wanted);
    }
    return 1;
}

#endif
