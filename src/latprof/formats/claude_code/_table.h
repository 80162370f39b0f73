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

#endif
