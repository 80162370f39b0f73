/* The lines of one transcript without their texts, as lines.py and parts.py tell them, one struct after the other.
 *
 * Texts that are kept (ids, names) have a number each, the same for equal texts; NONE stands for no text. Functions
 * that need memory give -1, or NONE, when there is none.
 */
#ifndef LATPROF_TABLE_H
#define LATPROF_TABLE_H

#if defined(Py_GIL_DISABLED) || defined(PYPY_VERSION)
#error "what is spare is shared by all threads without a lock"
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE (-1)
#define UNKNOWN INT64_MIN
#define MOST_ITEMS (INT32_MAX / 2)

typedef int32_t Id;

typedef struct {
    size_t at;
    uint32_t size, hash;
} Name;

typedef struct {
    uint8_t *bytes;
    size_t used, room;
    Name *names;
    int32_t count, names_room;
    int32_t *slots; /* of a hash table, NONE where one is free */
    uint32_t mask;
    uint64_t seed;
} Names;

/* Room for `need` items in a list; 0, or -1. */
static int grown(void **items, int32_t *room, int64_t need, size_t size) {
    int64_t wanted = *room ? *room : 16;
    void *found;
    if (need <= *room) return 0;
    while (wanted < need) wanted *= 2;
    if (wanted > MOST_ITEMS) return -1;
    found = realloc(*items, (size_t)wanted * size);
    if (!found) return -1;
    *items = found;
    *room = (int32_t)wanted;
    return 0;
}

static uint64_t hash_of(const uint8_t *p, size_t size, uint64_t seed) {
    const uint64_t odd = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t hash = seed ^ (size * odd), word;
    for (; size >= 8; p += 8, size -= 8) {
        memcpy(&word, p, 8);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    if (size) {
        word = 0;
        memcpy(&word, p, size);
        hash = (hash ^ word) * odd;
        hash ^= hash >> 32;
    }
    return hash ^ (hash >> 16);
}

static int names_resized(Names *names) {
    uint32_t room = names->slots ? (names->mask + 1) * 2 : 256;
    int32_t *slots = malloc(room * sizeof *slots);
    if (!slots) return -1;
    memset(slots, 0xFF, room * sizeof *slots);
    names->mask = room - 1;
    for (int32_t id = 0; id < names->count; id++) {
        uint32_t slot = names->names[id].hash & names->mask;
        while (slots[slot] != NONE) slot = (slot + 1) & names->mask;
        slots[slot] = id;
    }
    free(names->slots);
    names->slots = slots;
    return 0;
}

/* Where bytes were put down; SIZE_MAX without memory. */
static size_t put_down(Names *names, const uint8_t *p, size_t size) {
    size_t at = names->used;
    if (size > names->room - at) {
        size_t room = names->room ? names->room : 1 << 14;
        uint8_t *bytes;
        while (size > room - at) room *= 2;
        bytes = realloc(names->bytes, room);
        if (!bytes) return SIZE_MAX;
        names->bytes = bytes;
        names->room = room;
    }
    if (size) memcpy(names->bytes + at, p, size);
    names->used += size;
    return at;
}

/* The number of a text in UTF-8. */
static Id id_of(Names *names, const uint8_t *p, size_t size) {
    uint32_t hash = (uint32_t)hash_of(p, size, names->seed), slot;
    Name *name;
    if (size > INT32_MAX) return NONE;
    if ((!names->slots || (uint32_t)names->count >= names->mask / 2) && names_resized(names)) return NONE;
    for (slot = hash & names->mask; names->slots[slot] != NONE; slot = (slot + 1) & names->mask) {
        name = &names->names[names->slots[slot]];
        if (name->hash == hash && name->size == size && (!size || memcmp(names->bytes + name->at, p, size) == 0))
            return names->slots[slot];
    }
    if (grown((void **)&names->names, &names->names_room, (int64_t)names->count + 1, sizeof *name)) return NONE;
    name = &names->names[names->count];
    name->at = put_down(names, p, size);
    if (name->at == SIZE_MAX) return NONE;
    name->size = (uint32_t)size;
    name->hash = hash;
    names->slots[slot] = names->count;
    return names->count++;
}

static inline int starts_with(const Names *names, Id id, const char *word) {
    size_t size = strlen(word);
    return id != NONE && names->names[id].size >= size && memcmp(names->bytes + names->names[id].at, word, size) == 0;
}

/* Words of calls, which each table begins with, so that they have these numbers. */
enum {
    W_EMPTY, W_AGENT, W_THINKING, W_TEXT, W_TOOL_USE, W_OTHER, W_USER, W_TOOL_RESULT, W_SUBAGENT, W_COMPACTION,
    W_NOTIFICATION, W_RETRY, W_UNKNOWN, W_TRIGGER_LINE, W_HOOK_ADJUSTED, W_RETRY_ADJUSTED, W_REQUEST_LINE,
    W_BLOCK_START, W_BLOCK_END, W_STOP_REASON, W_CHANGED, W_RATIO, W_BEDROCK, W_VERTEX, W_ANTHROPIC, W_FAST, W_COUNT
};

static const char *const WORDS[W_COUNT] = {
    "", "claude-code", "thinking", "text", "tool_use", "other", "user", "tool_result", "subagent", "compaction",
    "notification", "retry", "unknown", "trigger_line", "hook_adjusted", "retry_adjusted", "api_request_line",
    "block_start", "last_block_end", "stop_reason", "changed", "ratio", "aws.bedrock", "gcp.vertex_ai", "anthropic",
    "fast",
};

/* Counts are UNKNOWN where they are not known. */
typedef struct {
    int64_t input, read, written, output, thinking, iterations;
    Id speed;
    int tools;
} Usage;

typedef struct {
    int64_t characters, signature;
    Id name, type;
} BlockFact;

/* What an assistant line adds; its blocks and the ids of its tools stand in lists of the table. */
typedef struct {
    Id message_id, request_id, session_id, version, project, model, requested_model, stop_reason, request_ref, effort;
    int32_t blocks, block_count, tools, tool_count;
    int has_stop_details;
    int64_t block_index;
    double duration_s; /* NaN where it is not known, as all times here */
    Usage usage;
} Part;

/* As in lines.LineKind. */
enum {
    PROMPT = 1, TOOL_RESULT, META, COMPACT_SUMMARY, NOTICE, INTERRUPT, INTERRUPT_TOOL, CUT_NOTE, STOP_HOOK, RESPONSE,
    SYNTHETIC, API_ERROR, HOOK, QUEUED, REQUEST, PASSING
};

typedef struct {
    int64_t number, max_tokens;
    double at, retry_s;
    Id uuid, parent, thread, source_tool_id, interrupted_id, request_id;
    int32_t part, tools, tool_count;
    uint8_t kind, embedded, truncates;
    /* What the second stage finds out: the response that it belongs to, the next line of the same list, an embedded
     * line's own id, the id of the line above. */
    int32_t response, next;
    Id chained, above;
} Line;

typedef struct {
    Names names;
    Line *lines;
    Part *parts;
    BlockFact *blocks;
    Id *tools;
    int32_t line_count, line_room, part_count, part_room, block_count, block_room, tool_count, tool_room;
} Table;

/* A table without lines; 0, or -1 without memory. */
static inline int table_begin(Table *table, uint64_t seed) {
    memset(table, 0, sizeof *table);
    table->names.seed = seed;
    for (Id word = 0; word < W_COUNT; word++)
        if (id_of(&table->names, (const uint8_t *)WORDS[word], strlen(WORDS[word])) != word) return -1;
    return 0;
}

static inline void table_free(Table *table) {
    free(table->names.bytes);
    free(table->names.names);
    free(table->names.slots);
    free(table->lines);
    free(table->parts);
    free(table->blocks);
    free(table->tools);
    memset(table, 0, sizeof *table);
}

/* A new line behind the others, nothing of which is known; NULL without memory. It is counted by who fills it. */
static inline Line *new_line(Table *table) {
    Line *line;
    if (grown((void **)&table->lines, &table->line_room, (int64_t)table->line_count + 1, sizeof *line)) return NULL;
    line = &table->lines[table->line_count];
    memset(line, 0, sizeof *line);
    line->at = line->retry_s = NAN;
    line->max_tokens = UNKNOWN;
    line->uuid = line->parent = line->thread = line->source_tool_id = line->interrupted_id = line->request_id = NONE;
    line->part = line->response = line->next = line->chained = line->above = NONE;
    line->tools = table->tool_count;
    return line;
}

static inline Part *new_part(Table *table) {
    Part *part;
    if (grown((void **)&table->parts, &table->part_room, (int64_t)table->part_count + 1, sizeof *part)) return NULL;
    part = &table->parts[table->part_count];
    memset(part, 0, sizeof *part);
    part->blocks = table->block_count;
    part->tools = table->tool_count;
    return part;
}

static inline BlockFact *new_block(Table *table) {
    if (grown((void **)&table->blocks, &table->block_room, (int64_t)table->block_count + 1, sizeof(BlockFact)))
        return NULL;
    return &table->blocks[table->block_count++];
}

static inline int add_tool(Table *table, Id id) {
    if (id == NONE || grown((void **)&table->tools, &table->tool_room, (int64_t)table->tool_count + 1, sizeof id))
        return -1;
    table->tools[table->tool_count++] = id;
    return 0;
}

/* ---- a table as bytes, for a later run of the same program on the same machine ---- */

#define STATE_MAGIC UINT32_C(0x314C504C)

/* What such bytes begin with; then come lines, parts, blocks, tools, the sizes of texts and the texts. */
typedef struct {
    uint32_t magic, line_size, part_size, block_size;
    int32_t lines, parts, blocks, tools, texts, unused;
    uint64_t bytes;
} State;

/* What the lines up to the one with this number are; those behind stand last in every list. */
static inline State state_of(const Table *table, int64_t last) {
    State state = {STATE_MAGIC, sizeof(Line), sizeof(Part), sizeof(BlockFact), 0, 0, 0, 0, 0, 0, 0};
    int32_t count = table->line_count;
    state.parts = table->part_count, state.blocks = table->block_count, state.tools = table->tool_count;
    for (; count > 0 && table->lines[count - 1].number > last; count--) {
        const Line *line = &table->lines[count - 1];
        state.tools = line->tools < state.tools ? line->tools : state.tools;
        if (line->part == NONE) continue;
        const Part *part = &table->parts[line->part];
        state.parts = line->part < state.parts ? line->part : state.parts;
        state.blocks = part->blocks < state.blocks ? part->blocks : state.blocks;
        state.tools = part->tools < state.tools ? part->tools : state.tools;
    }
    state.lines = count;
    state.texts = table->names.count;
    for (int32_t id = 0; id < table->names.count; id++) state.bytes += table->names.names[id].size;
    return state;
}

static inline size_t state_size(const State *state) {
    return sizeof *state + state->lines * sizeof(Line) + state->parts * sizeof(Part)
        + state->blocks * sizeof(BlockFact) + state->tools * sizeof(Id) + state->texts * sizeof(uint32_t)
        + (size_t)state->bytes;
}

static inline uint8_t *written(uint8_t *to, const void *from, size_t size) {
    if (size) memcpy(to, from, size);
    return to + size;
}

/* Writes as many bytes as `state_size` says. */
static inline void state_write(const Table *table, const State *state, uint8_t *to) {
    to = written(to, state, sizeof *state);
    to = written(to, table->lines, state->lines * sizeof(Line));
    to = written(to, table->parts, state->parts * sizeof(Part));
    to = written(to, table->blocks, state->blocks * sizeof(BlockFact));
    to = written(to, table->tools, state->tools * sizeof(Id));
    for (int32_t id = 0; id < state->texts; id++) to = written(to, &table->names.names[id].size, sizeof(uint32_t));
    for (int32_t id = 0; id < state->texts; id++) {
        const Name *name = &table->names.names[id];
        to = written(to, table->names.bytes + name->at, name->size);
    }
}

static inline int is_span(int32_t first, int32_t count, int32_t all) {
    return first >= 0 && count >= 0 && first <= all && count <= all - first;
}

/* The number that a text has now, of which it had another one; 0 for a number that no text had. */
static inline int renamed(Id *id, const Id *now, int32_t texts) {
    if (*id == NONE) return 1;
    if (*id < 0 || *id >= texts) return 0;
    *id = now[*id];
    return 1;
}

static inline int line_is_sound(Line *line, const State *state, const Id *now) {
    line->response = line->next = NONE;
    line->chained = line->above = NONE;
    return line->kind >= PROMPT && line->kind <= PASSING && (line->kind != REQUEST || line->request_id != NONE)
        && line->part >= NONE && line->part < state->parts && is_span(line->tools, line->tool_count, state->tools)
        && renamed(&line->uuid, now, state->texts) && renamed(&line->parent, now, state->texts)
        && renamed(&line->thread, now, state->texts) && renamed(&line->source_tool_id, now, state->texts)
        && renamed(&line->interrupted_id, now, state->texts) && renamed(&line->request_id, now, state->texts);
}

static inline int part_is_sound(Part *part, const State *state, const Id *now) {
    return part->message_id != NONE && is_span(part->blocks, part->block_count, state->blocks)
        && is_span(part->tools, part->tool_count, state->tools)
        && renamed(&part->message_id, now, state->texts) && renamed(&part->request_id, now, state->texts)
        && renamed(&part->session_id, now, state->texts) && renamed(&part->version, now, state->texts)
        && renamed(&part->project, now, state->texts) && renamed(&part->model, now, state->texts)
        && renamed(&part->requested_model, now, state->texts) && renamed(&part->stop_reason, now, state->texts)
        && renamed(&part->request_ref, now, state->texts) && renamed(&part->effort, now, state->texts)
        && renamed(&part->usage.speed, now, state->texts);
}

/* Whether each line has a part, blocks and tools of its own, one after the other: who counts them counts none twice. */
static inline int are_apart(const Line *lines, const Part *parts, const State *state) {
    int32_t part = NONE, blocks = 0, tools = 0;
    for (int32_t k = 0; k < state->lines; k++) {
        const Line *line = &lines[k];
        if (line->tools < tools) return 0;
        tools = line->tools + line->tool_count;
        if (line->part == NONE) continue;
        const Part *own = &parts[line->part];
        if (line->part <= part || own->blocks < blocks || own->tools < tools) return 0;
        part = line->part, blocks = own->blocks + own->block_count, tools = own->tools + own->tool_count;
    }
    return 1;
}

/* Puts texts down; the number of each in `now`. 1; 0 where they are not as long as was said; -1 without memory. */
static inline int texts_read(Table *table, const State *state, const uint8_t *data, Id *now) {
    const uint8_t *text = data + state->texts * sizeof(uint32_t);
    uint64_t left = state->bytes;
    for (int32_t id = 0; id < state->texts; id++) {
        uint32_t size;
        memcpy(&size, data + id * sizeof size, sizeof size);
        if (size > left || size > INT32_MAX) return 0;
        now[id] = id_of(&table->names, text, size);
        if (now[id] == NONE) return -1;
        text += size, left -= size;
    }
    return left == 0;
}

static inline int is_state(const State *state, size_t size) {
    return state->magic == STATE_MAGIC && state->line_size == sizeof(Line) && state->part_size == sizeof(Part)
        && state->block_size == sizeof(BlockFact) && state->lines >= 0 && state->parts >= 0 && state->blocks >= 0
        && state->tools >= 0 && state->texts >= 0 && state->bytes <= size && (size_t)state->lines <= size / sizeof(Line)
        && (size_t)state->parts <= size / sizeof(Part) && (size_t)state->blocks <= size / sizeof(BlockFact)
        && (size_t)state->tools <= size / sizeof(Id) && (size_t)state->texts <= size / sizeof(uint32_t)
        && state_size(state) == size;
}

/* Room for so much more than there is; 0, or -1. */
static inline int room_for(Table *table, const State *more) {
    return grown((void **)&table->lines, &table->line_room, (int64_t)table->line_count + more->lines, sizeof(Line))
        || grown((void **)&table->parts, &table->part_room, (int64_t)table->part_count + more->parts, sizeof(Part))
        || grown((void **)&table->blocks, &table->block_room, (int64_t)table->block_count + more->blocks, sizeof(BlockFact))
        || grown((void **)&table->tools, &table->tool_room, (int64_t)table->tool_count + more->tools, sizeof(Id))
        ? -1 : 0;
}

/* Puts the lines of a state behind those of the table, their numbers that many higher. 1; 0 for bytes that are no such
 * state, and -1 without memory, with no line more in the table. */
static inline int state_join(Table *table, const uint8_t *data, size_t size, int64_t numbers) {
    State state;
    int done;
    if (size < sizeof state) return 0;
    memcpy(&state, data, sizeof state);
    if (!is_state(&state, size)) return 0;
    Id *now = malloc((state.texts ? state.texts : 1) * sizeof *now);
    if (!now || room_for(table, &state)) {
        free(now);
        return -1;
    }
    /* Memory for lists may be missing that have nothing. */
    Line *lines = table->lines ? table->lines + table->line_count : NULL;
    Part *parts = table->parts ? table->parts + table->part_count : NULL;
    BlockFact *blocks = table->blocks ? table->blocks + table->block_count : NULL;
    Id *tools = table->tools ? table->tools + table->tool_count : NULL;
    data += sizeof state;
    written((uint8_t *)lines, data, state.lines * sizeof(Line)), data += state.lines * sizeof(Line);
    written((uint8_t *)parts, data, state.parts * sizeof(Part)), data += state.parts * sizeof(Part);
    written((uint8_t *)blocks, data, state.blocks * sizeof(BlockFact)), data += state.blocks * sizeof(BlockFact);
    written((uint8_t *)tools, data, state.tools * sizeof(Id)), data += state.tools * sizeof(Id);
    done = texts_read(table, &state, data, now);
    for (int32_t k = 0; done > 0 && k < state.lines; k++) done = line_is_sound(&lines[k], &state, now);
    for (int32_t k = 0; done > 0 && k < state.parts; k++) done = part_is_sound(&parts[k], &state, now);
    for (int32_t k = 0; done > 0 && k < state.tools; k++) done = tools[k] != NONE && renamed(&tools[k], now, state.texts);
    for (int32_t k = 0; done > 0 && k < state.blocks; k++) {
        Id type = blocks[k].type;
        done = type >= W_THINKING && type <= W_OTHER && renamed(&blocks[k].name, now, state.texts);
    }
    free(now);
    if (done > 0) done = are_apart(lines, parts, &state);
    if (done <= 0) return done;
    for (int32_t k = 0; k < state.lines; k++) {
        lines[k].number += numbers, lines[k].tools += table->tool_count;
        if (lines[k].part != NONE) lines[k].part += table->part_count;
    }
    for (int32_t k = 0; k < state.parts; k++)
        parts[k].blocks += table->block_count, parts[k].tools += table->tool_count;
    table->line_count += state.lines, table->part_count += state.parts;
    table->block_count += state.blocks, table->tool_count += state.tools;
    return done;
}

#endif
