/* Sums over the cells of the speed grid for some calls at a time.
 *
 * Every step is rounded to single precision and stands in the same order as in sums.py, which says what it means;
 * nothing here may be fused or taken in another order (see setup.py). Loops go over calls, which do not depend on
 * each other, so that a compiler may do several at once.
 */
#ifndef LATPROF_SUMS_H
#define LATPROF_SUMS_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "_exact.h"

enum { LANES = 32, MOST_CELLS = 64, GUIDES = 1024 };
enum { PART_BITS = 17, FIRST_LINE = (127 - 6) << (23 - PART_BITS), LINES = 18 << (23 - PART_BITS) };
enum { ENDS_S, SPAN_S, THINKING, TEXT, TOOL_USE, HEAD, FIRST_TYPE, FIRST_ERROR, TOOLS, HEADERS_S, UNCACHED, COLUMNS };
enum {
    COST, FREE_TOKENS = 3, BETA, REACH, REACH_STAMP, WOBBLE, STAMP, LEAST_DENSITY, OUTLIER, LEAST_MASS, NUMBERS
};

typedef struct {
    const float *columns; /* rows of `calls` numbers */
    const float *scale, *pace, *numbers, *slowness, *share;
    const float *table; /* value and slope of each line */
    ptrdiff_t calls;
    int cells;
} Problem;

/* Some calls next to each other; behind the last call stand copies of it. */
typedef struct {
    float end_s[LANES], span_s[LANES], first[LANES], rest[LANES], error[LANES], scale[LANES], pace[LANES];
    float prefill_s[LANES], earliest_s[LANES];
    int32_t has_span[LANES];
    int any_span;
} Block;

/* What is kept of each cell and call. */
typedef struct {
    float density[MOST_CELLS][LANES], low_s[MOST_CELLS][LANES], high_s[MOST_CELLS][LANES];
    float below[MOST_CELLS][LANES], mass[MOST_CELLS][LANES];
    float total[LANES];
} Joint;

INLINE float larger(float one, float other) { return one > other ? one : other; }

/* A time between the first edge and the last. */
INLINE float bounded(float time_s) {
    time_s = time_s > 0x1p-6f ? time_s : 0x1p-6f;
    return time_s < 0x1p12f ? time_s : 0x1p12f;
}

INLINE int32_t bits_of(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

INLINE float with_bits(int32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A function of a bounded time by its table of lines. */
INLINE float value_at(const float *table, float time_s) {
    int32_t bits = bits_of(time_s), number = (bits >> PART_BITS) - FIRST_LINE;
    float inside = time_s - with_bits(bits >> PART_BITS << PART_BITS);
    return table[2 * number + 1] * inside + table[2 * number];
}

INLINE void fill(const Problem *problem, ptrdiff_t begin, Block *block) {
    const float *numbers = problem->numbers;
    block->any_span = 0;
    for (int i = 0; i < LANES; i++) {
        ptrdiff_t call = begin + i < problem->calls ? begin + i : problem->calls - 1;
        const float *at = problem->columns + call;
        ptrdiff_t row = problem->calls;
        float kind = at[FIRST_TYPE * row], span_s = at[SPAN_S * row];
        float cost = kind == 0.0f ? numbers[COST] : kind == 1.0f ? numbers[COST + 1] : numbers[COST + 2];
        float total = at[THINKING * row] * numbers[COST];
        total = total + at[TEXT * row] * numbers[COST + 1];
        total = total + at[TOOL_USE * row] * numbers[COST + 2];
        total = total - at[TOOLS * row] * numbers[FREE_TOKENS];
        total = larger(total - cost, 0.5f);
        float first = at[HEAD * row] * cost;
        first = larger(first - (kind == 2.0f ? numbers[FREE_TOKENS] : 0.0f), 0.0f);
        block->has_span[i] = span_s == span_s;
        block->any_span |= block->has_span[i];
        block->first[i] = first < total && span_s == span_s ? first : total;
        block->rest[i] = total - block->first[i];
        block->error[i] = at[FIRST_ERROR * row] * cost;
        block->end_s[i] = at[ENDS_S * row];
        block->span_s[i] = span_s;
        block->scale[i] = problem->scale[call];
        block->pace[i] = problem->pace[call];
        block->prefill_s[i] = at[UNCACHED * row] * numbers[BETA];
        block->earliest_s[i] = (at[HEADERS_S * row] - block->prefill_s[i]) * block->scale[i];
    }
}

/* One cell of some calls; `density`, `low_s` and the others are of this cell. */
INLINE void cell_of(
    const Problem *problem, const Block *block, int cell, int with_span,
    float *density, float *low_s, float *high_s, float *below, float *mass
) {
    const float *numbers = problem->numbers;
    const float slowness = problem->slowness[cell], share = problem->share[cell];
    const float n_reach = numbers[REACH], n_reach_stamp = numbers[REACH_STAMP], n_wobble = numbers[WOBBLE];
    const float n_stamp = numbers[STAMP], n_least = numbers[LEAST_DENSITY], n_outlier = numbers[OUTLIER];
    float reaches[LANES], spans[LANES];
    for (int i = 0; i < LANES; i++) {
        float slow = block->pace[i] * slowness;
        float head_s = block->first[i] * slow;
        float middle = block->end_s[i] - head_s;
        float reach = head_s * head_s * n_reach + n_reach_stamp;
        spans[i] = 1.0f;
        if (with_span) {
            float rest = block->rest[i] * slow;
            float residual = block->span_s[i] - rest;
            float own = block->error[i] * slow;
            own = own * own;
            rest = rest * rest * n_wobble + n_stamp;
            float total = own + rest;
            own = own / total;
            float added = rest * own * 3.0f, moved = own * residual;
            residual = residual * residual * 0.25f + total;
            float span = total * total / (residual * residual * sqrtf(residual)) + n_least;
            int32_t has_span = block->has_span[i];
            middle = has_span ? middle + moved : middle;
            reach = has_span ? reach + added : reach;
            spans[i] = has_span ? span : 1.0f;
        }
        reach = sqrtf(reach) * block->scale[i];
        middle = (middle - block->prefill_s[i]) * block->scale[i];
        low_s[i] = bounded(larger(middle - reach, block->earliest_s[i]));
        high_s[i] = bounded(larger(middle + reach, block->earliest_s[i]));
        reaches[i] = reach;
    }
    for (int i = 0; i < LANES; i++) {
        below[i] = value_at(problem->table, low_s[i]);
        mass[i] = larger(value_at(problem->table, high_s[i]) - below[i], 0.0f);
    }
    for (int i = 0; i < LANES; i++) {
        float value = (mass[i] / reaches[i] * 0.5f + n_outlier) * share;
        density[i] = with_span && block->has_span[i] ? value * spans[i] : value;
    }
}

INLINE void joint_of(const Problem *problem, ptrdiff_t begin, Joint *joint) {
    Block block;
    fill(problem, begin, &block);
    memset(joint->total, 0, sizeof joint->total);
    for (int k = 0; k < problem->cells; k++) {
        if (block.any_span)
            cell_of(problem, &block, k, 1, joint->density[k], joint->low_s[k], joint->high_s[k], joint->below[k],
                    joint->mass[k]);
        else
            cell_of(problem, &block, k, 0, joint->density[k], joint->low_s[k], joint->high_s[k], joint->below[k],
                    joint->mass[k]);
        for (int i = 0; i < LANES; i++) joint->total[i] = joint->total[i] + joint->density[k][i];
    }
}

FOR_EACH_PROCESSOR
static void totals_of(const Problem *problem, float *result) {
    for (ptrdiff_t begin = 0; begin < problem->calls; begin += LANES) {
        Block block;
        float density[LANES], low_s[LANES], high_s[LANES], below[LANES], mass[LANES], total[LANES] = {0};
        fill(problem, begin, &block);
        for (int k = 0; k < problem->cells; k++) {
            if (block.any_span)
                cell_of(problem, &block, k, 1, density, low_s, high_s, below, mass);
            else
                cell_of(problem, &block, k, 0, density, low_s, high_s, below, mass);
            for (int i = 0; i < LANES; i++) total[i] = total[i] + density[i];
        }
        for (int i = 0; i < LANES && begin + i < problem->calls; i++) result[begin + i] = total[i];
    }
}

typedef struct {
    double *jumps; /* two to each line */
    double *cells;
    float *moment, *inside, *log_speed;
} Step;

/* A weight that begins at a time, or ends there when it is negative. */
INLINE void jump(double *jumps, float time_s, float level) {
    int32_t bits = bits_of(time_s);
    double *at = jumps + 2 * ((bits >> PART_BITS) - FIRST_LINE);
    float part = (float)(bits & ((1 << PART_BITS) - 1)) * 0x1p-17f;
    at[0] += (double)level;
    at[1] += (double)(level * part);
}

FOR_EACH_PROCESSOR
static void step_of(const Problem *problem, const float *moments, const float *grid, Step *step) {
    float density[MOST_CELLS][LANES], level[MOST_CELLS][LANES], low_s[MOST_CELLS][LANES], high_s[MOST_CELLS][LANES];
    const float least = problem->numbers[LEAST_MASS];
    for (ptrdiff_t begin = 0; begin < problem->calls; begin += LANES) {
        float total[LANES] = {0}, moment[LANES] = {0}, inside[LANES] = {0}, log_speed[LANES] = {0};
        float below[LANES], mass[LANES];
        Block block;
        fill(problem, begin, &block);
        for (int k = 0; k < problem->cells; k++) {
            if (block.any_span)
                cell_of(problem, &block, k, 1, density[k], low_s[k], high_s[k], below, mass);
            else
                cell_of(problem, &block, k, 0, density[k], low_s[k], high_s[k], below, mass);
            for (int i = 0; i < LANES; i++) {
                float counted = mass[i] > least ? density[k][i] : 0.0f;
                level[k][i] = counted / (mass[i] > least ? mass[i] : 1.0f);
                total[i] = total[i] + density[k][i];
                inside[i] = inside[i] + counted;
                log_speed[i] = log_speed[i] + density[k][i] * grid[k];
            }
            for (int i = 0; i < LANES; i++)
                moment[i] = moment[i] + (value_at(moments, high_s[k][i]) - value_at(moments, low_s[k][i])) * level[k][i];
        }
        for (int i = 0; i < LANES && begin + i < problem->calls; i++) {
            float share = 1.0f / total[i];
            for (int k = 0; k < problem->cells; k++) {
                float weight = level[k][i] * share;
                step->cells[k] += (double)(density[k][i] * share);
                if (weight == 0.0f) continue; /* adds nothing, but would be waited for */
                jump(step->jumps, low_s[k][i], weight);
                jump(step->jumps, high_s[k][i], -weight);
            }
            step->moment[begin + i] = moment[i] * share;
            step->inside[begin + i] = inside[i] * share;
            step->log_speed[begin + i] = log_speed[i] * share;
        }
    }
}

/* For each of equal steps from 0 to 1 the first line whose next edge is above it. */
INLINE void guide_of(const float *table, int32_t *guide) {
    int32_t line = 0;
    for (int q = 0; q < GUIDES; q++) {
        while (line < LINES && !(table[2 * line + 2] > (float)q / GUIDES)) line++;
        guide[q] = line;
    }
}

/* Where a function that does not fall reaches a value, s. */
INLINE float inverse_of(const float *table, const int32_t *guide, float value) {
    int32_t line = value >= 0.0f ? guide[value < 1.0f ? (int32_t)(value * GUIDES) : GUIDES - 1] : 0;
    while (line < LINES && !(table[2 * line + 2] > value)) line++;
    float slope = table[2 * line + 1], ahead = value - table[2 * line];
    float part = (slope > 0.0f && ahead > 0.0f ? ahead : 0.0f) / (slope > 0.0f ? slope : 1.0f);
    return with_bits((line + FIRST_LINE) << PART_BITS) + part;
}

typedef struct {
    int64_t *cell;
    float *inside, *first_s;
} Reached;

FOR_EACH_PROCESSOR
static void levels_of(const Problem *problem, const float *levels, int count, Reached *reached) {
    Joint joint;
    float sums[MOST_CELLS][LANES];
    int32_t guide[GUIDES];
    guide_of(problem->table, guide);
    for (ptrdiff_t begin = 0; begin < problem->calls; begin += LANES) {
        float share[LANES], sum[LANES] = {0};
        joint_of(problem, begin, &joint);
        for (int i = 0; i < LANES; i++) share[i] = 1.0f / joint.total[i];
        for (int k = 0; k < problem->cells; k++)
            for (int i = 0; i < LANES; i++) {
                joint.density[k][i] = joint.density[k][i] * share[i];
                sum[i] = sum[i] + joint.density[k][i];
                sums[k][i] = sum[i];
            }
        for (int j = 0; j < count; j++) {
            int32_t cells[LANES] = {0};
            for (int k = 0; k < problem->cells; k++)
                for (int i = 0; i < LANES; i++) cells[i] += sums[k][i] < levels[j];
            for (int i = 0; i < LANES && begin + i < problem->calls; i++) {
                int cell = cells[i] < problem->cells ? cells[i] : problem->cells - 1;
                float inside = 1.0f - (sums[cell][i] - levels[j]) / larger(joint.density[cell][i], 1e-12f);
                inside = larger(inside, 0.0f);
                inside = inside < 1.0f ? inside : 1.0f;
                ptrdiff_t at = (begin + i) * count + j;
                reached->cell[at] = cell;
                reached->inside[at] = inside;
                reached->first_s[at] =
                    inverse_of(problem->table, guide, joint.below[cell][i] + inside * joint.mass[cell][i]);
            }
        }
    }
}

#endif
