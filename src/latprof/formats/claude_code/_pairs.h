/* What led to each response of a transcript, as pairing.py tells. */
#ifndef LATPROF_PAIRS_H
#define LATPROF_PAIRS_H

#include "_index.h"

#define MOST_REQUESTS_BEFORE 100

typedef struct {
    Id type, name;
    double start_at, end_at, result_at;
    int64_t characters, tokens, signature;
} BlockRow;

typedef struct {
    Id message_id, request_id, session_id, version, thread, provider, model, requested_model, project, effort, speed;
    Id trigger, sent_source, first_source, last_source, output_source, stop_reason;
    double trigger_at, sent_at, first_at, last_at;
    int64_t input, read, written, output, reasoning, attempts;
    int flags;
    int32_t blocks, block_count;
} CallRow;

/* The calls of a table, in the order of their first lines. */
typedef struct {
    Index index;
    CallRow *calls;
    BlockRow *blocks;
    int32_t call_count, call_room, block_count, block_room;
    List walked;
    double long_gap_s;
} Pairs;

typedef struct {
    Id trigger, sent_source;
    double trigger_at, sent_at;
    int64_t attempts;
    int fell_back;
} Pairing;

static void pairs_free(Pairs *pairs) {
    index_free(&pairs->index);
    free(pairs->calls);
    free(pairs->blocks);
    free(pairs->walked.items);
    memset(pairs, 0, sizeof *pairs);
}

/* The first user line above the response, and the harness lines passed on the way; -2 without memory. */
static int32_t trigger_line(Pairs *pairs, const Response *response) {
    Index *index = &pairs->index;
    Walk walk = walk_from(index, line_at(index, response->first));
    int32_t above;
    pairs->walked.count = 0;
    while ((above = walk_on(index, &walk)) != NONE) {
        const Line *line = line_at(index, above);
        if (BELOW_RESPONSE(line->kind)) return above;
        if (line->kind == RESPONSE) {
            if (line->response == NONE || &index->responses[line->response] != response) return NONE;
        } else if (add_item(&pairs->walked, above)) {
            return -2;
        }
    }
    return NONE;
}

static Id trigger_of(Index *index, const Line *line, Id thread);

/* A line of the harness itself (skill body, command expansion) stands for what it follows. */
static Id meta_trigger(Index *index, const Line *line, Id thread) {
    Walk walk = walk_from(index, line);
    int32_t above;
    if (line->source_tool_id != NONE) return W_TOOL_RESULT;
    while ((above = walk_on(index, &walk)) != NONE) {
        const Line *found = line_at(index, above);
        if (found->kind == META) continue;
        if (BELOW_RESPONSE(found->kind)) return trigger_of(index, found, thread);
        if (found->kind == RESPONSE) break;
    }
    return thread == NONE ? W_USER : W_SUBAGENT;
}

static Id side_text(Index *index, const Line *line) {
    Walk walk = walk_from(index, line);
    int32_t above;
    while ((above = walk_on(index, &walk)) != NONE)
        if (line_at(index, above)->kind <= RESPONSE) return W_NOTIFICATION;
    return W_SUBAGENT;
}

/* What a user line means for the call that it led to. */
static Id trigger_of(Index *index, const Line *line, Id thread) {
    switch (line->kind) {
        case TOOL_RESULT: return W_TOOL_RESULT;
        case COMPACT_SUMMARY: return W_COMPACTION;
        case NOTICE: case STOP_HOOK: return W_NOTIFICATION;
        case CUT_NOTE: return W_RETRY;
        case META: return meta_trigger(index, line, thread);
        default: break;
    }
    if (thread == NONE) return W_USER;
    /* In a side thread nobody types: the root is the parent's order, later texts are messages. */
    return line->above == NONE ? W_SUBAGENT : side_text(index, line);
}

static int32_t result_of(const Index *index, Id tool) {
    const Facts *facts = facts_of(index, tool);
    return facts->ambiguous ? NONE : facts->result;
}

/* Time of results as a trigger: for parallel tools the latest that was there before the response. */
static double result_at(const Index *index, const Line *line, const Line *first) {
    const Table *table = index->table;
    double latest = line->at;
    int32_t owner = NONE;
    for (int32_t tool = 0; tool < line->tool_count && owner == NONE; tool++)
        owner = facts_of(index, table->tools[line->tools + tool])->owner;
    if (owner == NONE) return latest;
    for (int32_t place = index->responses[owner].first; place != NONE; place = line_at(index, place)->next) {
        const Part *part = part_at(index, place);
        for (int32_t tool = 0; tool < part->tool_count; tool++) {
            int32_t found = result_of(index, table->tools[part->tools + tool]);
            const Line *result;
            if (found == NONE) continue;
            result = line_at(index, found);
            if (result == line || isnan(result->at) || result->number > first->number || result->at > first->at) continue;
            if (isnan(latest) || result->at > latest) latest = result->at;
        }
    }
    return latest;
}

/* Send is the latest of the trigger and the lines between it and the response. */
static void send_by_chain(const Pairs *pairs, Pairing *pairing, const Line *first) {
    if (!isnan(pairing->trigger_at)) {
        pairing->sent_at = pairing->trigger_at;
        pairing->sent_source = W_TRIGGER_LINE;
    }
    for (int32_t item = 0; item < pairs->walked.count; item++) {
        const Line *line = line_at(&pairs->index, pairs->walked.items[item]);
        if (isnan(line->at) || line->at > first->at) continue;
        if (isnan(pairing->sent_at) || line->at > pairing->sent_at) {
            pairing->sent_at = line->at;
            pairing->sent_source = line->kind == HOOK ? W_HOOK_ADJUSTED : W_TRIGGER_LINE;
        }
    }
}

static int was_walked(const Pairs *pairs, int32_t place) {
    for (int32_t item = 0; item < pairs->walked.count; item++)
        if (pairs->walked.items[item] == place) return 1;
    return 0;
}

/* Failed attempts: the next one starts when the wait that the error line names is over. */
static void apply_errors(const Pairs *pairs, Pairing *pairing, int32_t above, const Line *first) {
    const Index *index = &pairs->index;
    const Line *last = NULL;
    int64_t since = above == NONE ? INT64_MAX : line_at(index, above)->number;
    for (int32_t place = facts_of(index, first->thread)->first_error; place != NONE; place = line_at(index, place)->next) {
        const Line *line = line_at(index, place);
        int between = since < line->number && line->number < first->number;
        if ((!between && !was_walked(pairs, place)) || isnan(line->at) || line->at > first->at) continue;
        pairing->attempts++;
        if (!last || line->at > last->at) last = line;
    }
    if (!last || last->at < pairing->trigger_at) return;
    pairing->sent_at = last->at + (isnan(last->retry_s) ? 0.0 : last->retry_s);
    if (pairing->sent_at > first->at) pairing->sent_at = last->at;
    pairing->sent_source = W_RETRY_ADJUSTED;
}

/* Request lines, one per attempt, give the send time itself and the attempts before it. */
static void apply_requests(Index *index, Pairing *pairing, int32_t above, const Response *response) {
    int64_t since = above == NONE ? -1 : line_at(index, above)->number, lost = 0;
    const Line *request, *nearest = NULL;
    Id reference = NONE;
    int32_t place;
    for (place = response->first; place != NONE && reference == NONE; place = line_at(index, place)->next)
        reference = part_at(index, place)->request_ref;
    if (reference == NONE || (place = facts_of(index, reference)->request) == NONE) return;
    request = line_at(index, place);
    if (isnan(request->at)) return;
    pairing->sent_at = request->at;
    pairing->sent_source = W_REQUEST_LINE;
    for (place = request->response; place != NONE && lost < MOST_REQUESTS_BEFORE; place = line_at(index, place)->response) {
        const Line *earlier = line_at(index, place);
        Facts *facts = facts_of(index, earlier->request_id);
        if (earlier->number < since || facts->referenced) break;
        if (!lost++) nearest = earlier;
        facts->answered = 1;
    }
    if (1 + lost > pairing->attempts) pairing->attempts = 1 + lost;
    if (nearest && request->max_tokens != UNKNOWN && nearest->max_tokens != UNKNOWN)
        pairing->fell_back = request->max_tokens < nearest->max_tokens;
}

/* Trigger, send time and number of attempts of a response; 0, or -1 without memory. */
static int pair(Pairs *pairs, const Response *response, Pairing *pairing) {
    Index *index = &pairs->index;
    const Line *first = line_at(index, response->first);
    int32_t above = trigger_line(pairs, response);
    int queued = 0;
    pairing->trigger = W_UNKNOWN;
    pairing->sent_source = NONE;
    pairing->trigger_at = pairing->sent_at = NAN;
    pairing->attempts = 1;
    pairing->fell_back = 0;
    if (above == -2) return -1;
    if (above != NONE) {
        const Line *line = line_at(index, above);
        pairing->trigger = trigger_of(index, line, response->thread);
        pairing->trigger_at = line->kind == TOOL_RESULT ? result_at(index, line, first) : line->at;
    }
    for (int32_t item = 0; item < pairs->walked.count; item++)
        queued |= line_at(index, pairs->walked.items[item])->kind == QUEUED;
    if (above == NONE && queued) pairing->trigger = W_USER;
    if (above != NONE || queued) send_by_chain(pairs, pairing, first);
    if (starts_with(&index->table->names, response->thread, "acompact")) pairing->trigger = W_COMPACTION;
    if (index->has_errors) apply_errors(pairs, pairing, above, first);
    if (index->has_requests) apply_requests(index, pairing, above, response);
    return 0;
}

#endif
