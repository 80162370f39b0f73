/* One line of a transcript -> the places of what timing needs of it.
 *
 * What each key means is told in lines.py and parts.py; here is only where its value lies. A key that comes twice
 * where it would matter is a doubt, for the last one counts and an earlier one may have been looked at already.
 */
#ifndef LATPROF_RECORD_H
#define LATPROF_RECORD_H

#include "_json.h"

/* More blocks on one line are left to the full decode. */
#define MOST_BLOCKS 64
#define MOST_TOKENS INT64_C(1000000000000)

#define IS(word) (key->size == sizeof(word) - 1 && memcmp(key->at, word, sizeof(word) - 1) == 0)

/* Keys of a record. */
typedef enum {
    R_TYPE, R_TIMESTAMP, R_UUID, R_PARENT, R_AGENT, R_SIDECHAIN, R_SESSION, R_SESSION_OLD, R_VERSION, R_CWD, R_REQUEST,
    R_MODEL, R_REFERENCE, R_EFFORT, R_BLOCK_INDEX, R_THINKING_MS, R_TOOL_INPUT_MS, R_API_ERROR, R_TRUNCATED, R_META,
    R_COMPANION, R_SUMMARY, R_SOURCE_TOOL, R_INTERRUPTED, R_SUBTYPE, R_RETRY_MS, R_ID,
    R_MESSAGE, R_DATA, R_ORIGIN, R_ATTACHMENT, R_PARAMS, R_COUNT
} RecordKey;

/* Keys of a message. */
typedef enum { M_ID, M_MODEL, M_STOP, M_DETAILS, M_CONTENT, M_USAGE, M_COUNT } MessageKey;

/* Keys of token counts. */
typedef enum { U_INPUT, U_READ, U_WRITTEN, U_OUTPUT, U_SPEED, U_LIFETIMES, U_OUT_DETAILS, U_TOOLS, U_ITERATIONS, U_COUNT } UsageKey;

/* Keys of a content block. */
typedef enum {
    B_TYPE, B_TOOL_USE, B_ID, B_NAME, B_TEXT, B_THINKING, B_SIGNATURE, B_DATA, B_INPUT, B_COUNT
} BlockKey;

typedef struct {
    Value values[B_COUNT];
    Measure input;
} BlockFacts;

typedef struct {
    Value values[U_COUNT];
    int64_t lifetimes; /* the sum over lifetimes of what was written to the cache */
    int64_t thinking;  /* -1: not known */
    int64_t iterations;
    int tools; /* whether a tool ran on the server */
} UsageFacts;

typedef struct RecordFacts {
    Value values[R_COUNT];
    Value message[M_COUNT];
    UsageFacts usage;
    Value origin_kind, attachment_type, max_tokens;
    Value data_type, data_agent;
    int count; /* of blocks */
    BlockFacts blocks[MOST_BLOCKS];
    /* A sub-agent's record in a progress line of its parent; its own place is given by who asks. */
    struct RecordFacts *inner;
    int has_inner;
} RecordFacts;

static RecordKey record_key(const Text *key) {
    switch (key->size) {
        case 2: return IS("id") ? R_ID : R_COUNT;
        case 3: return IS("cwd") ? R_CWD : R_COUNT;
        case 4: return IS("type") ? R_TYPE : IS("uuid") ? R_UUID : IS("data") ? R_DATA : R_COUNT;
        case 6: return IS("isMeta") ? R_META : IS("origin") ? R_ORIGIN : IS("effort") ? R_EFFORT : IS("params") ? R_PARAMS : R_COUNT;
        case 7: return IS("message") ? R_MESSAGE : IS("version") ? R_VERSION : IS("agentId") ? R_AGENT : IS("subtype") ? R_SUBTYPE : R_COUNT;
        case 9: return IS("timestamp") ? R_TIMESTAMP : IS("sessionId") ? R_SESSION : IS("requestId") ? R_REQUEST : IS("retryInMs") ? R_RETRY_MS : R_COUNT;
        case 10: return IS("parentUuid") ? R_PARENT : IS("session_id") ? R_SESSION_OLD : IS("requestRef") ? R_REFERENCE : IS("attachment") ? R_ATTACHMENT : R_COUNT;
        case 11: return IS("isSidechain") ? R_SIDECHAIN : R_COUNT;
        case 13: return IS("apiBlockIndex") ? R_BLOCK_INDEX : IS("turnCompanion") ? R_COMPANION : R_COUNT;
        case 14: return IS("requestedModel") ? R_MODEL : R_COUNT;
        case 15: return IS("sourceToolUseID") ? R_SOURCE_TOOL : R_COUNT;
        case 16: return IS("isCompactSummary") ? R_SUMMARY : R_COUNT;
        case 17: return IS("toolInputStreamMs") ? R_TOOL_INPUT_MS : IS("isApiErrorMessage") ? R_API_ERROR : R_COUNT;
        case 18: return IS("thinkingDurationMs") ? R_THINKING_MS : R_COUNT;
        case 20: return IS("truncatedAfterOutput") ? R_TRUNCATED : IS("interruptedMessageId") ? R_INTERRUPTED : R_COUNT;
        default: return R_COUNT;
    }
}

static MessageKey message_key(const Text *key) {
    switch (key->size) {
        case 2: return IS("id") ? M_ID : M_COUNT;
        case 5: return IS("model") ? M_MODEL : IS("usage") ? M_USAGE : M_COUNT;
        case 7: return IS("content") ? M_CONTENT : M_COUNT;
        case 11: return IS("stop_reason") ? M_STOP : M_COUNT;
        case 12: return IS("stop_details") ? M_DETAILS : M_COUNT;
        default: return M_COUNT;
    }
}

static UsageKey usage_key(const Text *key) {
    switch (key->size) {
        case 5: return IS("speed") ? U_SPEED : U_COUNT;
        case 10: return IS("iterations") ? U_ITERATIONS : U_COUNT;
        case 12: return IS("input_tokens") ? U_INPUT : U_COUNT;
        case 13: return IS("output_tokens") ? U_OUTPUT : U_COUNT;
        case 14: return IS("cache_creation") ? U_LIFETIMES : U_COUNT;
        case 15: return IS("server_tool_use") ? U_TOOLS : U_COUNT;
        case 21: return IS("output_tokens_details") ? U_OUT_DETAILS : U_COUNT;
        case 23: return IS("cache_read_input_tokens") ? U_READ : U_COUNT;
        case 27: return IS("cache_creation_input_tokens") ? U_WRITTEN : U_COUNT;
        default: return U_COUNT;
    }
}

static BlockKey block_key(const Text *key) {
    switch (key->size) {
        case 2: return IS("id") ? B_ID : B_COUNT;
        case 4: return IS("type") ? B_TYPE : IS("text") ? B_TEXT : IS("name") ? B_NAME : IS("data") ? B_DATA : B_COUNT;
        case 5: return IS("input") ? B_INPUT : B_COUNT;
        case 8: return IS("thinking") ? B_THINKING : B_COUNT;
        case 9: return IS("signature") ? B_SIGNATURE : B_COUNT;
        case 11: return IS("tool_use_id") ? B_TOOL_USE : B_COUNT;
        default: return B_COUNT;
    }
}

/* A token count; -1 for what is none. */
static int64_t count_of(const Value *value) {
    return value->kind == V_WHOLE && value->whole >= 0 && value->whole <= MOST_TOKENS ? value->whole : -1;
}

/* An object of which one key counts. */
static Place scan_one(Place p, Place end, int depth, const char *word, Value *found) {
    Text key;
    Value other;
    size_t size = strlen(word);
    int begun = 0;
    for (p++; (p = next_key(p, end, &begun, &key));) {
        if (!key.at) return p;
        if (key.escaped) return NULL;
        if (key.size == size && memcmp(key.at, word, size) == 0) {
            if (found->kind != V_MISSING) return NULL;
            p = scan_value(p, end, depth, found);
        } else {
            p = scan_value(p, end, depth, &other);
        }
        if (!p) return NULL;
    }
    return NULL;
}

/* An object of counts: their sum, and whether any of them is more than zero. */
static Place scan_counts(Place p, Place end, int depth, int64_t *sum, int *any) {
    Text key;
    Value value;
    Keys seen;
    int begun = 0;
    seen.count = 0;
    *sum = 0;
    *any = 0;
    for (p++; (p = next_key(p, end, &begun, &key));) {
        int64_t count;
        if (!key.at) return p;
        if (!is_new(&seen, &key) || !(p = scan_value(p, end, depth, &value))) return NULL;
        count = count_of(&value);
        if (count > 0) {
            *sum += count;
            *any = 1;
        }
    }
    return NULL;
}

static Place scan_list(Place p, Place end, int depth, int64_t *count) {
    Value value;
    int begun = 0, more;
    for (p++; (p = next_item(p, end, &begun, &more)); ++*count) {
        if (!more) return p;
        if (!(p = scan_value(p, end, depth, &value))) return NULL;
    }
    return NULL;
}

static Place scan_usage(Place p, Place end, int depth, UsageFacts *usage) {
    Text key;
    Value other;
    int begun = 0, ignored;
    for (p++; (p = next_key(p, end, &begun, &key));) {
        UsageKey name;
        Value *value;
        int64_t sum;
        Place at = p;
        if (!key.at) return p;
        if (key.escaped) return NULL;
        name = usage_key(&key);
        value = name == U_COUNT ? &other : &usage->values[name];
        if (name != U_COUNT && value->kind != V_MISSING) return NULL;
        if (name == U_LIFETIMES && *p == '{') {
            value->kind = V_OBJECT;
            p = scan_counts(at, end, depth + 1, &usage->lifetimes, &ignored);
        } else if (name == U_TOOLS && *p == '{') {
            value->kind = V_OBJECT;
            p = scan_counts(at, end, depth + 1, &sum, &usage->tools);
        } else if (name == U_OUT_DETAILS && *p == '{') {
            Value thinking;
            thinking.kind = V_MISSING;
            value->kind = V_OBJECT;
            p = scan_one(at, end, depth + 1, "thinking_tokens", &thinking);
            usage->thinking = count_of(&thinking);
        } else if (name == U_ITERATIONS && *p == '[') {
            value->kind = V_ARRAY;
            p = scan_list(at, end, depth + 1, &usage->iterations);
        } else {
            p = scan_value(at, end, depth, value);
        }
        if (!p) return NULL;
    }
    return NULL;
}

static Place scan_block(Place p, Place end, int depth, BlockFacts *block) {
    Text key;
    Value other;
    int begun = 0;
    for (int name = 0; name < B_COUNT; name++) block->values[name].kind = V_MISSING;
    for (p++; (p = next_key(p, end, &begun, &key));) {
        BlockKey name;
        Value *value;
        if (!key.at) return p;
        if (key.escaped) return NULL;
        name = block_key(&key);
        value = name == B_COUNT ? &other : &block->values[name];
        if (name != B_COUNT && value->kind != V_MISSING) return NULL;
        if (name == B_INPUT) {
            block->input.written = 0;
            block->input.odd = 0;
            value->kind = scan_word(p, end, "null", 4) ? V_NULL : V_OBJECT; /* or any other; null is what counts */
            value->at = p;
            p = measure_value(p, end, depth + 1, &block->input);
            value->end = p;
        } else {
            p = scan_value(p, end, depth, value);
        }
        if (!p) return NULL;
    }
    return NULL;
}

static Place scan_content(Place p, Place end, int depth, RecordFacts *record) {
    Value other;
    int begun = 0, more;
    for (p++; (p = next_item(p, end, &begun, &more));) {
        if (!more) return p;
        if (*p == '{') {
            if (record->count == MOST_BLOCKS) return NULL;
            p = scan_block(p, end, depth + 1, &record->blocks[record->count++]);
        } else {
            p = scan_value(p, end, depth, &other);
        }
        if (!p) return NULL;
    }
    return NULL;
}

static Place scan_message(Place p, Place end, int depth, RecordFacts *record) {
    Text key;
    Value other;
    int begun = 0;
    for (p++; (p = next_key(p, end, &begun, &key));) {
        MessageKey name;
        Value *value;
        if (!key.at) return p;
        if (key.escaped) return NULL;
        name = message_key(&key);
        value = name == M_COUNT ? &other : &record->message[name];
        if (name != M_COUNT && value->kind != V_MISSING) return NULL;
        if (name == M_CONTENT && *p == '[') {
            value->kind = V_ARRAY;
            p = scan_content(p, end, depth + 1, record);
        } else if (name == M_USAGE && *p == '{') {
            value->kind = V_OBJECT;
            p = scan_usage(p, end, depth + 1, &record->usage);
        } else {
            p = scan_value(p, end, depth, value);
        }
        if (!p) return NULL;
    }
    return NULL;
}

static Place scan_record(Place p, Place end, int depth, RecordFacts *record);

/* What a progress line tells of. */
static Place scan_data(Place p, Place end, int depth, RecordFacts *record) {
    Text key;
    Value other;
    int begun = 0, has_message = 0;
    for (p++; (p = next_key(p, end, &begun, &key));) {
        Value *value = &other;
        if (!key.at) return p;
        if (key.escaped) return NULL;
        if (key.size == 7 && memcmp(key.at, "message", 7) == 0) {
            if (has_message++) return NULL;
            if (*p == '{' && record->inner) {
                record->has_inner = 1;
                if (!(p = scan_record(p, end, depth + 1, record->inner))) return NULL;
                continue;
            }
        } else if (key.size == 4 && memcmp(key.at, "type", 4) == 0) {
            value = &record->data_type;
        } else if (key.size == 7 && memcmp(key.at, "agentId", 7) == 0) {
            value = &record->data_agent;
        }
        if (value != &other && value->kind != V_MISSING) return NULL;
        if (!(p = scan_value(p, end, depth, value))) return NULL;
    }
    return NULL;
}

static void forget(RecordFacts *record) {
    for (int name = 0; name < R_COUNT; name++) record->values[name].kind = V_MISSING;
    for (int name = 0; name < M_COUNT; name++) record->message[name].kind = V_MISSING;
    for (int name = 0; name < U_COUNT; name++) record->usage.values[name].kind = V_MISSING;
    record->usage.lifetimes = record->usage.iterations = 0;
    record->usage.thinking = -1;
    record->usage.tools = 0;
    record->origin_kind.kind = record->attachment_type.kind = record->max_tokens.kind = V_MISSING;
    record->data_type.kind = record->data_agent.kind = V_MISSING;
    record->count = record->has_inner = 0;
}

/* A record, at its brace. */
static Place scan_record(Place p, Place end, int depth, RecordFacts *record) {
    Text key;
    Value other;
    int begun = 0;
    forget(record);
    for (p++; (p = next_key(p, end, &begun, &key));) {
        RecordKey name;
        Value *value;
        if (!key.at) return p;
        if (key.escaped) return NULL;
        name = record_key(&key);
        value = name == R_COUNT ? &other : &record->values[name];
        if (name != R_COUNT && value->kind != V_MISSING) return NULL;
        if (name < R_MESSAGE || name == R_COUNT || *p != '{') {
            p = scan_value(p, end, depth, value);
        } else {
            value->kind = V_OBJECT;
            p = name == R_MESSAGE      ? scan_message(p, end, depth + 1, record)
                : name == R_DATA       ? scan_data(p, end, depth + 1, record)
                : name == R_ORIGIN     ? scan_one(p, end, depth + 1, "kind", &record->origin_kind)
                : name == R_ATTACHMENT ? scan_one(p, end, depth + 1, "type", &record->attachment_type)
                                       : scan_one(p, end, depth + 1, "max_tokens", &record->max_tokens);
        }
        if (!p) return NULL;
    }
    return NULL;
}

/* A whole line of a transcript: the place behind its end, or NULL. The bytes must hold its line feed before `end`. */
static Place scan_line(Place p, Place end, RecordFacts *record) {
    if (p >= end || *p != '{') return NULL;
    p = scan_record(p, end, 1, record);
    if (!p) return NULL;
    p = skip_blanks(p, end);
    return p < end && *p == '\n' ? p + 1 : NULL;
}

#undef IS

/* Days since 1970 of a day of our calendar, from the year 2000 to 2099, when each fourth year has a day more. */
static int days_of(int year, int month, int day) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int since = year - 2000, leap = since % 4 == 0;
    if (month < 1 || month > 12 || day < 1 || day > length[month - 1] + (leap && month == 2)) return -1;
    return 10957 + since * 365 + (since + 3) / 4 + before[month - 1] + (leap && month > 2) + day - 1;
}

static int digits_of(Place p, int count) {
    int number = 0;
    for (int place = 0; place < count; place++) {
        if (p[place] < '0' || p[place] > '9') return -100000;
        number = number * 10 + (p[place] - '0');
    }
    return number;
}

/* Epoch seconds of a stamp as agents write it, `2026-03-02T12:00:05.123Z`; -1 for any other. */
static double seconds_of(const Text *text) {
    Place p = text->at;
    int year, hour, minute, second, ms, days;
    if (text->size != 24 || text->escaped || text->wide || p[4] != '-' || p[7] != '-' || p[10] != 'T' ||
        p[13] != ':' || p[16] != ':' || p[19] != '.' || p[23] != 'Z')
        return -1;
    year = digits_of(p, 4), hour = digits_of(p + 11, 2), minute = digits_of(p + 14, 2);
    second = digits_of(p + 17, 2), ms = digits_of(p + 20, 3);
    if (year < 2020 || year > 2099 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 59 || ms < 0)
        return -1;
    days = days_of(year, digits_of(p + 5, 2), digits_of(p + 8, 2));
    if (days < 0) return -1;
    return (double)((((int64_t)days * 24 + hour) * 60 + minute) * 60000 + second * 1000 + ms) / 1000.0;
}

#endif
