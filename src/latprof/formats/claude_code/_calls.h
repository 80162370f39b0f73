/* The call that the lines of a response make, as responses.py and calls.py tell. */
#ifndef LATPROF_CALLS_H
#define LATPROF_CALLS_H

#include "_pairs.h"

#define BURST_GAP_S 0.02
#define BURST_CHARACTERS 100
#define CLOCK_TOLERANCE_S 0.05
#define LARGEST_PLACEHOLDER 100
#define RATIO_CHARACTERS 400
#define CHARACTERS_PER_TOKEN 4

/* In the order in which a call bears them. */
enum {
    F_INTERRUPTED = 1, F_RETRIED = 2, F_NON_STREAMED = 4, F_BURST = 8, F_SERVER_TOOLS = 16, F_MULTI_ITERATION = 32,
    F_SIDECHAIN = 64, F_EMBEDDED = 128, F_UNRELIABLE = 256, F_CLOCK_STEP = 512, F_SUSPENDED = 1024, F_FAST = 2048
};

static inline void keep_largest(int64_t *largest, int64_t count) {
    if (count > *largest) *largest = count;
}

/* The largest count of each field over the lines, the last speed that is stated. */
static Usage usage_of(const Index *index, const Response *response) {
    Usage usage = part_at(index, response->first)->usage;
    for (int32_t place = line_at(index, response->first)->next; place != NONE; place = line_at(index, place)->next) {
        const Usage *other = &part_at(index, place)->usage;
        keep_largest(&usage.input, other->input);
        keep_largest(&usage.read, other->read);
        keep_largest(&usage.written, other->written);
        keep_largest(&usage.output, other->output);
        keep_largest(&usage.thinking, other->thinking);
        keep_largest(&usage.iterations, other->iterations);
        usage.tools |= other->tools;
        if (other->speed != NONE) usage.speed = other->speed;
    }
    return usage;
}

/* Characters of the part's blocks. */
static int64_t visible_of(const Table *table, const Part *part) {
    int64_t visible = 0;
    for (int32_t block = 0; block < part->block_count; block++)
        if (table->blocks[part->blocks + block].characters != UNKNOWN)
            visible += table->blocks[part->blocks + block].characters;
    return visible;
}

static int thought_without_tokens(const Table *table, const Part *part) {
    if (isnan(part->duration_s) || part->usage.thinking != 0 || part->usage.output >= LARGEST_PLACEHOLDER) return 0;
    for (int32_t block = 0; block < part->block_count; block++)
        if (table->blocks[part->blocks + block].type == W_THINKING) return 1;
    return 0;
}

/* Whether the lines show that the stream ended early, as `Response.broken_off`. */
static int broken_off(const Index *index, const Response *response, const Habit *habit, Id stop_reason) {
    int stated = !habit->has_stop_details;
    if (stop_reason == NONE) return habit->every > 0 && habit->some == 0;
    for (int32_t place = response->first; place != NONE; place = line_at(index, place)->next) {
        const Part *part = part_at(index, place);
        if (thought_without_tokens(index->table, part)) return 1;
        stated |= part->has_stop_details;
    }
    return !stated;
}

/* Which rule says that the output count is final, as `Response.final_source`; NONE when none does. */
static Id final_source(const Index *index, const Response *response, const Habit *habit, int64_t output, Id stop_reason) {
    int64_t visible = 0, first = part_at(index, response->first)->usage.output;
    if (output == UNKNOWN || output == 0) return NONE;
    if (stop_reason != NONE) return W_STOP_REASON;
    for (int32_t place = response->first; place != NONE; place = line_at(index, place)->next) {
        if (part_at(index, place)->usage.output != first) return W_CHANGED;
        visible += visible_of(index->table, part_at(index, place));
    }
    if (habit->has_stop_details || visible <= RATIO_CHARACTERS) return NONE;
    return (double)output >= 0.5 * (double)visible / CHARACTERS_PER_TOKEN ? W_RATIO : NONE;
}

/* Add the blocks of a response; whether a start was impossible, or -1 without memory. */
static int add_blocks(Pairs *pairs, const Response *response, double sent_at, int non_streamed) {
    const Index *index = &pairs->index;
    const Table *table = index->table;
    double earliest = sent_at;
    int stepped = 0;
    for (int32_t place = response->first; place != NONE; place = line_at(index, place)->next) {
        const Part *part = part_at(index, place);
        double at = line_at(index, place)->at, start = NAN;
        int32_t used = 0;
        if (part->block_count == 1) start = at - part->duration_s;
        if (start < earliest - CLOCK_TOLERANCE_S) {
            start = NAN;
            stepped = 1;
        }
        for (int32_t block = 0; block < part->block_count; block++) {
            const BlockFact *fact = &table->blocks[part->blocks + block];
            BlockRow *row;
            int32_t result = NONE;
            if (grown((void **)&pairs->blocks, &pairs->block_room, (int64_t)pairs->block_count + 1, sizeof *row)) return -1;
            row = &pairs->blocks[pairs->block_count++];
            if (fact->type == W_TOOL_USE && used < part->tool_count)
                result = result_of(index, table->tools[part->tools + used++]);
            row->type = fact->type;
            row->name = fact->name;
            row->start_at = non_streamed ? NAN : start;
            row->end_at = at;
            row->result_at = result == NONE ? NAN : line_at(index, result)->at;
            row->characters = fact->characters;
            row->tokens = UNKNOWN;
            row->signature = fact->signature;
        }
        if (!isnan(at)) earliest = at;
    }
    return stepped;
}

/* The tokens of thinking, where they are those of one block. */
static void set_thoughts(BlockRow *blocks, int32_t count, int64_t tokens) {
    BlockRow *found = NULL;
    for (int32_t block = 0; block < count; block++) {
        if (blocks[block].type != W_THINKING) continue;
        if (found) return;
        found = &blocks[block];
    }
    if (found) found->tokens = tokens;
}

/* Who answered, as far as the shape of the ids tells. */
static Id provider_of(const Names *names, const Part *part) {
    if (starts_with(names, part->message_id, "msg_bdrk_")) return W_BEDROCK;
    if (starts_with(names, part->message_id, "msg_vrtx_")) return W_VERTEX;
    return starts_with(names, part->model, "claude-") && starts_with(names, part->request_id, "req_") ? W_ANTHROPIC : NONE;
}

/* Bursts, a clock that went backwards, sleep of the machine, as `Response.rhythm`. */
static int rhythm_of(const Pairs *pairs, const Response *response, double sent_at) {
    const Index *index = &pairs->index;
    double previous = NAN, before = sent_at;
    int flags = 0;
    for (int32_t place = response->first; place != NONE; place = line_at(index, place)->next) {
        double at = line_at(index, place)->at;
        if (isnan(at)) continue;
        if (at - previous < BURST_GAP_S && visible_of(index->table, part_at(index, place)) >= BURST_CHARACTERS)
            flags |= F_BURST;
        if (at < previous - CLOCK_TOLERANCE_S) flags |= F_CLOCK_STEP;
        if (at - before > pairs->long_gap_s) flags |= F_SUSPENDED;
        previous = before = at;
    }
    return flags;
}

static int flags_of(const Pairs *pairs, const Response *response, const Pairing *pairing, const Usage *usage) {
    const Line *first = line_at(&pairs->index, response->first);
    int flags = rhythm_of(pairs, response, pairing->sent_at);
    /* A block that ended before its request was sent, or before what led to it, shows a clock step. */
    if (pairing->trigger_at > first->at || first->at < pairing->sent_at - CLOCK_TOLERANCE_S) flags |= F_CLOCK_STEP;
    if (pairing->attempts > 1) flags = (flags & ~F_SUSPENDED) | F_RETRIED;
    if (usage->tools) flags |= F_SERVER_TOOLS;
    if (usage->iterations > 1) flags |= F_MULTI_ITERATION;
    if (response->thread != NONE) flags |= F_SIDECHAIN;
    if (first->embedded) flags |= F_EMBEDDED;
    if (response->shared_stamp) flags |= F_UNRELIABLE;
    if (usage->speed == W_FAST) flags |= F_FAST;
    return flags;
}

static double end_of(const Index *index, const Response *response) {
    double latest = NAN;
    for (int32_t place = response->first; place != NONE; place = line_at(index, place)->next)
        if (isnan(latest) || line_at(index, place)->at > latest) latest = line_at(index, place)->at;
    return latest;
}

static int is_whole(const Index *index, const Response *response) {
    for (int32_t place = response->first; place != NONE; place = line_at(index, place)->next)
        if (part_at(index, place)->block_count > 1) return 1;
    return 0;
}

/* What the lines of a response say of its call; what led to it stands in `pairing`. */
static void fill_call(Pairs *pairs, const Response *response, const Pairing *pairing, CallRow *call) {
    const Part *part = part_at(&pairs->index, response->first);
    call->message_id = part->message_id;
    call->request_id = part->request_id;
    call->session_id = part->session_id == NONE ? W_EMPTY : part->session_id;
    call->version = part->version;
    call->thread = response->thread == W_EMPTY ? NONE : response->thread;
    call->provider = provider_of(&pairs->index.table->names, part);
    call->model = part->model;
    call->requested_model = part->requested_model;
    call->project = part->project;
    call->effort = part->effort;
    call->trigger = pairing->trigger;
    call->trigger_at = pairing->trigger_at;
    call->sent_at = pairing->sent_at;
    call->sent_source = pairing->sent_source;
    call->attempts = pairing->attempts;
    call->last_at = end_of(&pairs->index, response);
    call->last_source = isnan(call->last_at) ? NONE : W_BLOCK_END;
    call->stop_reason = stop_reason_of(&pairs->index, response);
}

static inline int64_t known(int64_t count) { return count == UNKNOWN ? 0 : count; }

static int add_call(Pairs *pairs, const Response *response) {
    Index *index = &pairs->index;
    const Part *part = part_at(index, response->first);
    const Habit *habit = habit_of(index, response);
    Usage usage = usage_of(index, response);
    Pairing pairing;
    CallRow *call;
    int non_streamed, stepped, broken;
    if (grown((void **)&pairs->calls, &pairs->call_room, (int64_t)pairs->call_count + 1, sizeof *call)) return -1;
    call = &pairs->calls[pairs->call_count++];
    if (!habit || pair(pairs, response, &pairing)) return -1;
    non_streamed = pairing.fell_back || is_whole(index, response);
    fill_call(pairs, response, &pairing, call);
    call->blocks = pairs->block_count;
    stepped = add_blocks(pairs, response, pairing.sent_at, non_streamed);
    if (stepped < 0) return -1;
    call->block_count = pairs->block_count - call->blocks;
    broken = response->cut || (!non_streamed && broken_off(index, response, habit, call->stop_reason));
    call->output_source = broken ? NONE : final_source(index, response, habit, usage.output, call->stop_reason);
    call->speed = usage.speed;
    /* What was cached is no total where the rest is not known. */
    call->input = usage.input == UNKNOWN ? UNKNOWN : usage.input + known(usage.read) + known(usage.written);
    if (!call->input) call->input = UNKNOWN;
    call->read = usage.read;
    call->written = usage.written;
    call->output = call->output_source == NONE ? UNKNOWN : usage.output;
    call->reasoning = call->output_source == NONE ? UNKNOWN : usage.thinking;
    if (known(call->reasoning)) set_thoughts(pairs->blocks + call->blocks, call->block_count, usage.thinking);
    call->first_at = part->block_index == 0 && part->block_count == 1 ? pairs->blocks[call->blocks].start_at : NAN;
    call->first_source = isnan(call->first_at) ? NONE : W_BLOCK_START;
    call->flags = flags_of(pairs, response, &pairing, &usage) | (broken ? F_INTERRUPTED : 0);
    if (stepped) call->flags |= F_CLOCK_STEP;
    if (non_streamed) call->flags = (call->flags & ~(F_BURST | F_SUSPENDED)) | F_NON_STREAMED;
    return 0;
}

/* CRC-32 as zlib has it, by a byte at a time: ids are short. */
static uint32_t checksums[256];

static void begin_checksums(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >> 1 ^ 0xEDB88320u : sum >> 1;
        checksums[byte] = sum;
    }
}

static uint32_t checksum(uint32_t sum, const uint8_t *p, size_t size) {
    for (size_t place = 0; place < size; place++) sum = checksums[(sum ^ p[place]) & 0xFF] ^ sum >> 8;
    return sum;
}

/* The checksum of the id of a call whose request has one, as `Call.call_id` makes it. */
static uint32_t checksum_of_ids(const Names *names, Id message, Id request) {
    const Name *first = &names->names[message], *second = &names->names[request];
    uint32_t sum = checksum(~UINT32_C(0), (const uint8_t *)"claude-code/", 12);
    sum = checksum(sum, names->bytes + first->at, first->size);
    sum = checksum(sum, (const uint8_t *)"/", 1);
    return ~checksum(sum, names->bytes + second->at, second->size);
}

/* Pair a table; 0, or -1 without memory. */
static int pair_table(Pairs *pairs, Table *table, double long_gap_s) {
    memset(pairs, 0, sizeof *pairs);
    pairs->long_gap_s = long_gap_s;
    /* Calls without blocks have a place in the list, too. */
    if (grown((void **)&pairs->blocks, &pairs->block_room, 1, sizeof(BlockRow))) return -1;
    if (index_table(&pairs->index, table)) return -1;
    /* They were found in the order of their first lines. */
    for (int32_t number = 0; number < pairs->index.response_count; number++)
        if (add_call(pairs, &pairs->index.responses[number])) return -1;
    return 0;
}

#endif
