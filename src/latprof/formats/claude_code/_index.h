/* The lines of one transcript, indexed as transcript.py does it: who follows whom, which lines make a response. */
#ifndef LATPROF_INDEX_H
#define LATPROF_INDEX_H

#include "_table.h"

#define SHARED_STAMP_LINES 5
#define SHORT_ID 16
#define BELOW_RESPONSE(kind) ((kind) < RESPONSE)

/* What a text stands for: a line's id, a tool's, a request's, a thread's. */
typedef struct {
    int32_t line, result, owner, request; /* numbers of lines, of a response, or NONE */
    int32_t generation, walk;
    int32_t first_request, last_request, first_error, last_error;
    Id embedded_before;
    int64_t last_number;
    uint8_t ambiguous, referenced, answered;
} Facts;

typedef struct {
    Id thread, request_id, message_id;
    int32_t embedded, generation; /* these five tell one from the others */
    int32_t first, last, count;   /* its lines */
    int32_t place;                /* in the order in which ids were first seen */
    uint8_t cut, shared_stamp;
} Response;

/* What the responses of one version in one file have in common. */
typedef struct {
    Id version;
    int main, has_stop_details;
    int64_t every, some;
} Habit;

typedef struct {
    int32_t *items;
    int32_t count, room;
} List;

typedef struct {
    Table *table;
    Facts *facts; /* by number of the text, the first for NONE */
    Response *responses;
    int32_t response_count, response_room;
    int32_t *slots;
    uint32_t mask;
    List order, endings, request_threads;
    Habit *habits;
    int32_t habit_count, habit_room;
    int32_t walks;
    int has_requests, has_errors;
} Index;

static void index_free(Index *index) {
    free(index->facts);
    free(index->responses);
    free(index->slots);
    free(index->order.items);
    free(index->endings.items);
    free(index->request_threads.items);
    free(index->habits);
    memset(index, 0, sizeof *index);
}

static inline Facts *facts_of(const Index *index, Id id) { return &index->facts[id + 1]; }
static inline Line *line_at(const Index *index, int32_t place) { return &index->table->lines[place]; }
static inline Part *part_at(const Index *index, int32_t place) {
    return &index->table->parts[index->table->lines[place].part];
}
static inline Id uuid_of(const Line *line) { return line->embedded ? line->chained : line->uuid; }

static int add_item(List *list, int32_t item) {
    if (grown((void **)&list->items, &list->room, (int64_t)list->count + 1, sizeof item)) return -1;
    list->items[list->count++] = item;
    return 0;
}

/* Embedded lines have no parent of their own: each gets an id here, and follows the agent's line before it later. */
static int name_embedded(Table *table) {
    char room[64];
    for (int32_t place = 0; place < table->line_count; place++) {
        Line *line = &table->lines[place];
        const char *start = "embedded/";
        size_t size = strlen(start), own;
        uint8_t *text;
        if (!line->embedded) continue;
        if (line->uuid == NONE) {
            int written = snprintf(room, sizeof room, "embedded/%lld", (long long)line->number);
            line->chained = id_of(&table->names, (uint8_t *)room, (size_t)written);
        } else {
            own = table->names.names[line->uuid].size;
            text = malloc(size + own);
            if (!text) return -1;
            memcpy(text, start, size);
            memcpy(text + size, table->names.bytes + table->names.names[line->uuid].at, own);
            line->chained = id_of(&table->names, text, size + own);
            free(text);
        }
        if (line->chained == NONE) return -1;
    }
    return 0;
}

/* The lines above a line, nearest first, until a root, a line that is missing or a loop. */
typedef struct {
    Id parent;
    int32_t walk;
} Walk;

static Walk walk_from(Index *index, const Line *line) {
    Walk walk = {line->above, ++index->walks};
    return walk;
}

static int32_t walk_on(Index *index, Walk *walk) {
    Facts *facts;
    if (walk->parent == NONE) return NONE;
    facts = facts_of(index, walk->parent);
    if (facts->walk == walk->walk || facts->line == NONE) return NONE;
    facts->walk = walk->walk;
    walk->parent = line_at(index, facts->line)->above;
    return facts->line;
}

static inline uint32_t slot_of(const Response *key) {
    uint32_t hash = (uint32_t)key->message_id * 0x9E3779B1u ^ (uint32_t)key->request_id * 0x85EBCA77u ^
                    (uint32_t)key->thread * 0xC2B2AE3Du ^ (uint32_t)(key->generation * 2 + key->embedded) * 0x27D4EB2Fu;
    return hash ^ hash >> 15;
}

static inline int same_key(const Response *one, const Response *other) {
    return one->message_id == other->message_id && one->request_id == other->request_id &&
           one->thread == other->thread && one->embedded == other->embedded && one->generation == other->generation;
}

static int responses_resized(Index *index) {
    uint32_t room = index->slots ? (index->mask + 1) * 2 : 64;
    int32_t *slots = malloc(room * sizeof *slots);
    if (!slots) return -1;
    memset(slots, 0xFF, room * sizeof *slots);
    for (uint32_t old = 0; index->slots && old <= index->mask; old++) {
        uint32_t slot;
        if (index->slots[old] == NONE) continue;
        slot = slot_of(&index->responses[index->slots[old]]) & (room - 1);
        while (slots[slot] != NONE) slot = (slot + 1) & (room - 1);
        slots[slot] = index->slots[old];
    }
    free(index->slots);
    index->slots = slots;
    index->mask = room - 1;
    return 0;
}

/* Where the response of a key stands in the table of them, or could stand. */
static int32_t *place_of(Index *index, const Response *key) {
    uint32_t slot;
    if ((!index->slots || (uint32_t)index->response_count >= index->mask / 2) && responses_resized(index)) return NULL;
    slot = slot_of(key) & index->mask;
    while (index->slots[slot] != NONE && !same_key(&index->responses[index->slots[slot]], key))
        slot = (slot + 1) & index->mask;
    return &index->slots[slot];
}

static int64_t characters_of(const Names *names, Id id) {
    const Name *name = &names->names[id];
    int64_t count = 0;
    for (uint32_t place = 0; place < name->size; place++) count += (names->bytes[name->at + place] & 0xC0) != 0x80;
    return count;
}

/* A short id without request id, once all tools of the response have answered, is a new one. */
static int reuses_id(const Index *index, const Response *response) {
    const Table *table = index->table;
    int any = 0;
    if (characters_of(&table->names, response->message_id) >= SHORT_ID) return 0;
    for (int32_t at = response->first; at != NONE; at = table->lines[at].next) {
        const Part *part = &table->parts[table->lines[at].part];
        for (int32_t tool = 0; tool < part->tool_count; tool++) {
            any = 1;
            if (facts_of(index, table->tools[part->tools + tool])->result == NONE) return 0;
        }
    }
    return any;
}

static int start_response(Index *index, const Response *key, int32_t *slot, int32_t place) {
    Response *response;
    int32_t number = index->response_count, before = *slot;
    if (grown((void **)&index->responses, &index->response_room, (int64_t)number + 1, sizeof *response)) return -1;
    response = &index->responses[number];
    *response = *key;
    response->first = response->last = place;
    response->count = 1;
    if (before == NONE) {
        response->place = index->order.count;
        if (add_item(&index->order, number)) return -1;
    } else {
        /* The new one has the place of its id, the one before goes to the end. */
        response->place = index->responses[before].place;
        index->order.items[response->place] = number;
        index->responses[before].place = index->order.count;
        if (add_item(&index->order, before)) return -1;
    }
    *slot = number;
    index->response_count++;
    return 0;
}

static int add_response(Index *index, int32_t place) {
    Line *line = line_at(index, place);
    Response key = {0}, *last = index->response_count ? &index->responses[index->response_count - 1] : NULL;
    const Part *part;
    int32_t number;
    if (line->part == NONE) return 0;
    part = &index->table->parts[line->part];
    key.thread = line->thread;
    key.embedded = line->embedded;
    key.message_id = part->message_id;
    key.request_id = part->request_id;
    /* Without a request id an id may repeat, so a new prompt starts a new response. */
    key.generation = part->request_id != NONE ? -1 : facts_of(index, line->thread)->generation;
    if (last && key.request_id != NONE && same_key(last, &key)) {
        number = index->response_count - 1;
    } else {
        int32_t *slot = place_of(index, &key);
        if (!slot) return -1;
        if (*slot != NONE && (key.request_id != NONE || !reuses_id(index, &index->responses[*slot]))) {
            number = *slot;
        } else {
            if (start_response(index, &key, slot, place)) return -1;
            number = NONE;
        }
    }
    if (number == NONE) {
        number = index->response_count - 1;
    } else {
        Response *response = &index->responses[number];
        line_at(index, response->last)->next = place;
        response->last = place;
        response->count++;
    }
    line->response = number;
    if (part->request_ref != NONE) facts_of(index, part->request_ref)->referenced = 1;
    for (int32_t tool = 0; tool < part->tool_count; tool++) {
        Facts *facts = facts_of(index, index->table->tools[part->tools + tool]);
        if (facts->owner == NONE)
            facts->owner = number;
        else if (facts->owner != number)
            facts->ambiguous = 1;
    }
    return 0;
}

static int add_user(Index *index, int32_t place) {
    Line *line = line_at(index, place);
    for (int32_t tool = 0; tool < line->tool_count; tool++) {
        Facts *facts = facts_of(index, index->table->tools[line->tools + tool]);
        if (facts->result == NONE) facts->result = place;
    }
    if (line->kind == TOOL_RESULT) return 0;
    facts_of(index, line->thread)->generation++;
    return line->kind == INTERRUPT || line->kind == CUT_NOTE ? add_item(&index->endings, place) : 0;
}

/* Put a line behind the last one of a list of its thread. */
static void chain(Index *index, int32_t *first, int32_t *last, int32_t place) {
    if (*last == NONE)
        *first = place;
    else
        line_at(index, *last)->next = place;
    *last = place;
}

static int add_other(Index *index, int32_t place) {
    Line *line = line_at(index, place);
    Facts *thread = facts_of(index, line->thread), *request;
    if (line->kind == API_ERROR) {
        chain(index, &thread->first_error, &thread->last_error, place);
        index->has_errors = 1;
    } else if (line->kind == REQUEST) {
        request = facts_of(index, line->request_id);
        if (request->request != NONE) return 0;
        request->request = place;
        /* The request of the same thread before it. */
        line->response = thread->last_request;
        if (thread->last_request == NONE && add_item(&index->request_threads, line->thread)) return -1;
        chain(index, &thread->first_request, &thread->last_request, place);
        index->has_requests = 1;
    } else if (line->kind == SYNTHETIC && line->truncates) {
        return add_item(&index->endings, place);
    }
    return 0;
}

/* Five or more lines of several responses with one stamp are re-stamped. */
static void end_run(Index *index, const List *run) {
    int32_t one = NONE;
    int several = 0;
    if (run->count < SHARED_STAMP_LINES || isnan(line_at(index, run->items[0])->at)) return;
    for (int32_t item = 0; item < run->count; item++) {
        const Line *line = line_at(index, run->items[item]);
        if (line->kind != RESPONSE || line->response == NONE) continue;
        several |= one != NONE && one != line->response;
        one = line->response;
    }
    for (int32_t item = 0; several && item < run->count; item++) {
        const Line *line = line_at(index, run->items[item]);
        if (line->kind == RESPONSE && line->response != NONE) index->responses[line->response].shared_stamp = 1;
    }
}

static int add_line(Index *index, int32_t place) {
    int kind = line_at(index, place)->kind;
    if (kind == RESPONSE) return add_response(index, place);
    if (BELOW_RESPONSE(kind)) return add_user(index, place);
    return kind == PASSING ? 0 : add_other(index, place);
}

/* Whether the line is the first one with its id, which it then stands for. */
static int is_first(Index *index, int32_t place) {
    Line *line = line_at(index, place);
    Id id = uuid_of(line);
    line->above = line->parent;
    if (line->embedded && facts_of(index, id)->line == NONE) {
        Facts *thread = facts_of(index, line->thread == NONE ? W_EMPTY : line->thread);
        line->above = thread->embedded_before;
        thread->embedded_before = id;
    }
    if (id == NONE) return 1;
    if (facts_of(index, id)->line != NONE) return 0;
    facts_of(index, id)->line = place;
    return 1;
}

/* Index the lines in file order; an id that was there before is that of a copy, which is left out. */
static int take_lines(Index *index) {
    List run = {0};
    double run_at = NAN;
    int failed = 0;
    for (int32_t place = 0; place < index->table->line_count && !failed; place++) {
        const Line *line = line_at(index, place);
        if (!is_first(index, place)) continue;
        failed = add_line(index, place);
        if (failed || line->kind > RESPONSE || line->embedded) continue;
        if (!(line->at == run_at || (isnan(line->at) && isnan(run_at)))) {
            end_run(index, &run);
            run.count = 0;
            run_at = line->at;
        }
        failed = add_item(&run, place);
        if (index->has_requests) facts_of(index, line->thread)->last_number = line->number;
    }
    if (!failed) end_run(index, &run);
    free(run.items);
    return failed ? -1 : 0;
}

/* The response that a line follows directly, with nothing but harness lines between. */
static int32_t response_above(Index *index, const Line *line) {
    Walk walk = walk_from(index, line);
    int32_t above;
    while ((above = walk_on(index, &walk)) != NONE) {
        int kind = line_at(index, above)->kind;
        if (kind == RESPONSE) return line_at(index, above)->response;
        if (kind != PASSING && kind != HOOK && kind != SYNTHETIC && kind != QUEUED) return NONE;
    }
    return NONE;
}

/* The last stop reason that a line states. */
static Id stop_reason_of(const Index *index, const Response *response) {
    Id found = NONE;
    for (int32_t place = response->first; place != NONE; place = line_at(index, place)->next)
        if (part_at(index, place)->stop_reason != NONE) found = part_at(index, place)->stop_reason;
    return found;
}

static int32_t ended_by(Index *index, const Line *line) {
    int32_t above;
    if (line->interrupted_id != NONE) {
        for (int32_t item = 0; item < index->order.count; item++) {
            const Response *response = &index->responses[index->order.items[item]];
            if (response->message_id == line->interrupted_id) return index->order.items[item];
        }
        return NONE;
    }
    above = response_above(index, line);
    if (above != NONE && line->kind == INTERRUPT && stop_reason_of(index, &index->responses[above]) != NONE)
        return NONE;
    return above;
}

/* What responses of the same version, in main or side threads, have in common here; NULL without memory. */
static Habit *habit_of(Index *index, const Response *response) {
    Id version = part_at(index, response->first)->version;
    int main = response->thread == NONE;
    Habit *habit;
    for (int32_t place = 0; place < index->habit_count; place++)
        if (index->habits[place].version == version && index->habits[place].main == main) return &index->habits[place];
    if (grown((void **)&index->habits, &index->habit_room, (int64_t)index->habit_count + 1, sizeof *habit)) return NULL;
    habit = &index->habits[index->habit_count++];
    memset(habit, 0, sizeof *habit);
    habit->version = version;
    habit->main = main;
    return habit;
}

static int see_habits(Index *index) {
    for (int32_t number = 0; number < index->response_count; number++) {
        const Response *response = &index->responses[number];
        Habit *habit = habit_of(index, response);
        int32_t stated = 0;
        if (!habit) return -1;
        for (int32_t place = response->first; place != NONE; place = line_at(index, place)->next) {
            const Part *part = part_at(index, place);
            habit->has_stop_details |= part->has_stop_details;
            stated += part->stop_reason != NONE;
        }
        if (response->count > 1 && stated) {
            habit->every += stated == response->count;
            habit->some += stated < response->count;
        }
    }
    return 0;
}

/* Index a table; 0, or -1 without memory. */
static int index_table(Index *index, Table *table) {
    memset(index, 0, sizeof *index);
    index->table = table;
    if (name_embedded(table)) return -1;
    index->facts = malloc(((size_t)table->names.count + 1) * sizeof(Facts));
    if (!index->facts) return -1;
    for (int32_t id = NONE; id < table->names.count; id++) {
        Facts facts = {NONE, NONE, NONE, NONE, 0, 0, NONE, NONE, NONE, NONE, NONE, -1, 0, 0, 0};
        index->facts[id + 1] = facts;
    }
    for (int32_t place = 0; place < table->line_count; place++)
        table->lines[place].response = table->lines[place].next = NONE;
    if (take_lines(index)) return -1;
    for (int32_t item = 0; item < index->endings.count; item++) {
        int32_t ended = ended_by(index, line_at(index, index->endings.items[item]));
        if (ended != NONE) index->responses[ended].cut = 1;
    }
    return see_habits(index);
}

#endif
