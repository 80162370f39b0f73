/* JSON as strict as orjson has it, looked at in place.
 *
 * Every function takes a place `p` and the end of the line's bytes, reads nothing at or behind `end`, and gives the
 * place behind what it read, or NULL for a doubt: damage, or something so rare that the full decode shall judge it.
 * What is accepted here a strict decoder accepts, too; never the other way round.
 */
#ifndef LATPROF_JSON_H
#define LATPROF_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if (defined(__SSE2__) || defined(_M_X64)) && !defined(LATPROF_NO_SSE2)
#include <emmintrin.h>
#define LATPROF_SSE2 1
/* Compilers that make one function for other machines than the rest. */
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && !defined(_MSC_VER) && !defined(LATPROF_NO_AVX2)
#include <immintrin.h>
#define LATPROF_AVX2 1
#endif
#endif

/* Deeper than any line that an agent writes; a decoder bears more, and gets such lines. */
#define MOST_DEPTH 64
/* Objects with more keys than this are not looked into where equal keys would matter. */
#define MOST_KEYS 48
/* Longer numbers may be beyond all whole numbers, or beyond all floats. */
#define MOST_DIGITS 18
#define MOST_EXPONENT_DIGITS 2
#define MOST_NUMBER_BYTES 64

typedef const uint8_t *Place;

/* A text between its quotes. `chars` is its length in characters once it is decoded, `written` the length that it has
 * in compact JSON without the quotes. */
typedef struct {
    Place at;
    size_t size, chars, written;
    int escaped, wide;
} Text;

typedef enum { V_MISSING, V_NULL, V_FALSE, V_TRUE, V_WHOLE, V_FLOAT, V_TEXT, V_OBJECT, V_ARRAY } Kind;

typedef struct {
    Kind kind;
    Place at, end;
    int64_t whole;
    Text text;
} Value;

/* Length of a value in compact JSON; `odd` when only a full decode can tell. */
typedef struct {
    size_t written;
    int odd;
} Measure;

/* A set bit for each of 16 bytes that is a quote, a backslash, a control character or not ASCII. */
#ifdef LATPROF_SSE2
static inline unsigned special_of(Place p) {
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(0x20);
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    /* As signed numbers bytes that are not ASCII are below the blank, too. */
    __m128i found = _mm_or_si128(_mm_cmplt_epi8(bytes, blank),
                                 _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)));
    return (unsigned)_mm_movemask_epi8(found);
}

static inline int first_bit(uint64_t mask) {
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctzll(mask);
#else
    int place = 0;
    while (!(mask >> place & 1)) place++;
    return place;
#endif
}

/* What a backslash makes of the sign behind it: 1 for a sign that is written with a backslash again, 2 for a slash,
 * 0 for what is looked at more closely. */
static const uint8_t SIMPLE_ESCAPES[256] = {
    ['"'] = 1, ['\\'] = 1, ['b'] = 1, ['f'] = 1, ['n'] = 1, ['r'] = 1, ['t'] = 1, ['/'] = 2,
};

/* The same as `find_special`, 64 bytes at a time; it may stop short of what it looks for near the end. */
static Place pass_usual_sse2(Place p, Place end, Text *text) {
    size_t escapes = 0, slashes = 0;
    uint64_t mask = 0;
    /* One byte more, for the sign behind a backslash. */
    while (!mask && end - p > 64) {
        mask = (uint64_t)special_of(p) | (uint64_t)special_of(p + 16) << 16 | (uint64_t)special_of(p + 32) << 32 |
               (uint64_t)special_of(p + 48) << 48;
        Place next = p + 64;
        while (mask) {
            int place = first_bit(mask);
            uint8_t simple = p[place] == '\\' ? SIMPLE_ESCAPES[p[place + 1]] : 0;
            if (!simple) {
                next = p + place;
                break;
            }
            escapes++;
            slashes += simple >> 1;
            next += place == 63;
            /* This sign, and the one behind it, whatever it is. */
            mask &= mask - 1;
            mask &= ~(UINT64_C(2) << place);
        }
        p = next;
    }
    if (escapes) {
        text->escaped = 1;
        text->chars -= escapes;
        text->written += escapes - slashes;
    }
    return p;
}

#ifdef LATPROF_AVX2
/* Which of the backslashes stand in front of a sign that they change: each second one of those in a row. */
static inline uint64_t escapes_of(uint64_t slashes, uint64_t carried) {
    uint64_t found = 0;
    slashes &= ~carried;
    if (!(slashes & slashes << 1)) return slashes;
    while (slashes) {
        uint64_t lowest = slashes & (0 - slashes);
        found |= lowest;
        slashes &= ~(lowest | lowest << 1);
    }
    return found;
}

#define MASK_OF(low, high) ((uint64_t)(uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32)

/* The same with registers of 32 bytes, and without a step for each escape: texts have one every few dozen signs. An
 * escape that is not simple ends it at the backslash, for a closer look; so does one of a slash, which nobody needs. */
__attribute__((target("avx2,bmi,popcnt"))) static Place pass_usual_avx2(Place p, Place end, Text *text) {
    const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\'), blank = _mm256_set1_epi8(0x20);
    const __m256i nibble = _mm256_set1_epi8(0x0F), none = _mm256_setzero_si256();
    /* A sign may follow a backslash when the entries of both its halves have a bit in common. */
    const __m256i by_low = _mm256_setr_epi8(0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 0,
                                            0, 0, 13, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 0);
    const __m256i by_high = _mm256_setr_epi8(0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0,
                                             0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0);
    uint64_t carried = 0; /* whether the block before ended with a backslash that changes the first sign of this one */
    size_t escapes = 0;
    for (; end - p >= 64; p += 64) {
        __m256i low = _mm256_loadu_si256((const __m256i *)p), high = _mm256_loadu_si256((const __m256i *)(p + 32));
        __m256i low_slash = _mm256_cmpeq_epi8(low, slash), high_slash = _mm256_cmpeq_epi8(high, slash);
        /* As signed numbers bytes that are not ASCII are below the blank, too. */
        __m256i low_other = _mm256_or_si256(_mm256_cmpgt_epi8(blank, low), _mm256_cmpeq_epi8(low, quote));
        __m256i high_other = _mm256_or_si256(_mm256_cmpgt_epi8(blank, high), _mm256_cmpeq_epi8(high, quote));
        uint64_t others = MASK_OF(low_other, high_other), slashes = MASK_OF(low_slash, high_slash);
        if (slashes | carried) {
            uint64_t escape = escapes_of(slashes, carried), escaped = escape << 1 | carried, stop;
            __m256i low_may = _mm256_and_si256(
                _mm256_shuffle_epi8(by_low, low),
                _mm256_shuffle_epi8(by_high, _mm256_and_si256(_mm256_srli_epi16(low, 4), nibble)));
            __m256i high_may = _mm256_and_si256(
                _mm256_shuffle_epi8(by_low, high),
                _mm256_shuffle_epi8(by_high, _mm256_and_si256(_mm256_srli_epi16(high, 4), nibble)));
            uint64_t odd = escaped & MASK_OF(_mm256_cmpeq_epi8(low_may, none), _mm256_cmpeq_epi8(high_may, none));
            if (odd & carried) break;
            stop = (others & ~escaped) | odd >> 1;
            if (stop) {
                escapes += (size_t)__builtin_popcountll(escaped & ((stop & (0 - stop)) - 1));
                p += __builtin_ctzll(stop);
                carried = 0;
                break;
            }
            escapes += (size_t)__builtin_popcountll(escaped);
            carried = escape >> 63;
        } else if (others) {
            p += __builtin_ctzll(others);
            break;
        }
    }
    if (escapes) {
        text->escaped = 1;
        text->chars -= escapes;
        text->written += escapes;
    }
    return p - carried;
}
#endif

static Place (*pass_usual)(Place p, Place end, Text *text) = pass_usual_sse2;
#endif

/* Look at texts with wide registers from now on, if that is wanted and this machine has them; whether it does. */
static int scan_wide_registers(int wanted) {
#ifdef LATPROF_AVX2
    int able = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
    pass_usual = wanted && able ? pass_usual_avx2 : pass_usual_sse2;
    return wanted && able;
#else
    return 0 * wanted;
#endif
}

/* The first byte that is a quote, a backslash, a control character or not ASCII, `end` when there is none; of simple
 * escapes, which are passed on the way where that is quick, it takes note as `scan_escape` does. */
static inline Place find_special(Place p, Place end, Text *text) {
#ifdef LATPROF_SSE2
    if (end - p >= 16) {
        unsigned mask = special_of(p);
        if (!mask)
            p += 16;
        else if (p[first_bit(mask)] != '\\')
            return p + first_bit(mask);
        p = pass_usual(p, end, text);
    }
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    while (end - p >= 8) {
        uint64_t bytes, quote, slash;
        memcpy(&bytes, p, 8);
        quote = bytes ^ (ones * '"');
        slash = bytes ^ (ones * '\\');
        if (((bytes - ones * 0x20) | (quote - ones) | (slash - ones) | bytes) & highs) {
            /* At least one of the eight, or a false alarm: the loop below looks at each. */
            Place eight = p + 8;
            for (; p < eight; p++)
                if (*p < 0x20 || *p >= 0x80 || *p == '"' || *p == '\\') return p;
            continue;
        }
        p += 8;
    }
    (void)text;
#endif
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') p++;
    return p;
}

static inline int is_tail(Place p, Place end) { return p < end && (*p & 0xC0) == 0x80; }

/* One character of two to four bytes. */
static inline Place scan_wide(Place p, Place end) {
    uint8_t first = *p++;
    if (first >= 0xC2 && first <= 0xDF) return is_tail(p, end) ? p + 1 : NULL;
    if (first >= 0xE0 && first <= 0xEF) {
        if (!is_tail(p, end) || !is_tail(p + 1, end)) return NULL;
        if (first == 0xE0 && *p < 0xA0) return NULL; /* could be shorter */
        if (first == 0xED && *p > 0x9F) return NULL; /* a surrogate */
        return p + 2;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (!is_tail(p, end) || !is_tail(p + 1, end) || !is_tail(p + 2, end)) return NULL;
        if (first == 0xF0 && *p < 0x90) return NULL; /* could be shorter */
        if (first == 0xF4 && *p > 0x8F) return NULL; /* behind the last character */
        return p + 3;
    }
    return NULL;
}

static inline int hex_of(Place p, Place end) {
    int code = 0;
    if (end - p < 4) return -1;
    for (int place = 0; place < 4; place++) {
        uint8_t sign = p[place];
        int digit = sign >= '0' && sign <= '9'   ? sign - '0'
                    : sign >= 'a' && sign <= 'f' ? sign - 'a' + 10
                    : sign >= 'A' && sign <= 'F' ? sign - 'A' + 10
                                                 : -1;
        if (digit < 0) return -1;
        code = code * 16 + digit;
    }
    return code;
}

/* What follows a backslash. Takes the bytes that the text gets shorter by from `chars`, and adds to `written` what it
 * gets longer by when it is written again. */
static Place scan_escape(Place p, Place end, Text *text) {
    int code;
    if (p >= end) return NULL;
    switch (*p) {
        case '"': case '\\': case 'b': case 'f': case 'n': case 'r': case 't':
            text->chars -= 1;
            text->written += 1;
            return p + 1;
        case '/':
            text->chars -= 1;
            return p + 1;
        case 'u':
            break;
        default:
            return NULL;
    }
    code = hex_of(p + 1, end);
    if (code < 0 || (code >= 0xDC00 && code <= 0xDFFF)) return NULL;
    p += 5;
    text->chars -= 5;
    if (code >= 0xD800 && code <= 0xDBFF) {
        int low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex_of(p + 2, end) : -1;
        if (low < 0xDC00 || low > 0xDFFF) return NULL;
        text->chars -= 6;
        return p + 6;
    }
    if (code == '"' || code == '\\' || code == '\b' || code == '\t' || code == '\n' || code == '\f' || code == '\r')
        text->written += 1;
    else if (code < 0x20)
        text->written += 5;
    return p;
}

/* The text behind an opening quote. */
static Place scan_text(Place p, Place end, Text *text) {
    text->at = p;
    /* Both are told as differences first: to the bytes, and to the characters. */
    text->chars = text->written = 0;
    text->escaped = text->wide = 0;
    for (;;) {
        p = find_special(p, end, text);
        if (p >= end) return NULL;
        if (*p == '"') break;
        if (*p == '\\') {
            text->escaped = 1;
            p = scan_escape(p + 1, end, text);
            if (!p) return NULL;
        } else if (*p >= 0x80) {
            text->wide = 1;
            do {
                Place next = scan_wide(p, end);
                if (!next) return NULL;
                text->chars -= (size_t)(next - p) - 1;
                p = next;
            } while (p < end && *p >= 0x80);
        } else {
            return NULL;
        }
    }
    text->size = (size_t)(p - text->at);
    text->chars += text->size;
    text->written += text->chars;
    return p + 1;
}

/* White space inside of a line. */
static inline Place skip_blanks(Place p, Place end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) p++;
    return p;
}

static inline int is_digit(Place p, Place end) { return p < end && *p >= '0' && *p <= '9'; }

static Place scan_number(Place p, Place end, Value *value) {
    Place start = p, digits;
    int negative = *p == '-';
    int64_t whole = 0;
    p += negative;
    digits = p;
    while (is_digit(p, end) && p - digits < MOST_DIGITS) whole = whole * 10 + (*p++ - '0');
    /* None, too many, or a zero in front of others. */
    if (p == digits || is_digit(p, end) || (*digits == '0' && p - digits > 1)) return NULL;
    value->kind = V_WHOLE;
    value->whole = negative ? -whole : whole;
    if (p < end && *p == '.') {
        value->kind = V_FLOAT;
        p++;
        if (!is_digit(p, end)) return NULL;
        while (is_digit(p, end)) p++;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        value->kind = V_FLOAT;
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        digits = p;
        while (is_digit(p, end)) p++;
        if (p == digits || p - digits > MOST_EXPONENT_DIGITS) return NULL;
    }
    /* Decoders differ in what a negative zero is. */
    if (p - start > MOST_NUMBER_BYTES || (value->kind == V_WHOLE && negative && whole == 0)) return NULL;
    return p;
}

static inline Place scan_word(Place p, Place end, const char *word, size_t size) {
    return (size_t)(end - p) >= size && memcmp(p, word, size) == 0 ? p + size : NULL;
}

/* The next key of an object: `p` lies behind its brace or a value of it. Gives the place of the key's value; where the
 * object ends, the place behind it and a key without a place. */
static inline Place next_key(Place p, Place end, int *begun, Text *key) {
    p = skip_blanks(p, end);
    if (p >= end) return NULL;
    if (*p == '}') {
        key->at = NULL;
        return p + 1;
    }
    if (*begun) {
        if (*p != ',') return NULL;
        p = skip_blanks(p + 1, end);
    }
    *begun = 1;
    if (p >= end || *p != '"') return NULL;
    p = scan_text(p + 1, end, key);
    if (!p) return NULL;
    p = skip_blanks(p, end);
    if (p >= end || *p != ':') return NULL;
    p = skip_blanks(p + 1, end);
    return p < end ? p : NULL;
}

/* The same for the items of an array; `more` is 0 where it ends. */
static inline Place next_item(Place p, Place end, int *begun, int *more) {
    p = skip_blanks(p, end);
    if (p >= end) return NULL;
    *more = *p != ']';
    if (!*more) return p + 1;
    if (*begun) {
        if (*p != ',') return NULL;
        p = skip_blanks(p + 1, end);
    }
    *begun = 1;
    return p < end ? p : NULL;
}

/* Keys of one object as long as they are few; 0 when one came twice, or is written in a way that may hide it. */
typedef struct {
    Text keys[MOST_KEYS];
    int count;
} Keys;

static inline int is_new(Keys *seen, const Text *key) {
    if (key->escaped || seen->count == MOST_KEYS) return 0;
    for (int place = 0; place < seen->count; place++)
        if (seen->keys[place].size == key->size && memcmp(seen->keys[place].at, key->at, key->size) == 0) return 0;
    seen->keys[seen->count++] = *key;
    return 1;
}

static Place scan_value(Place p, Place end, int depth, Value *value);
static Place skip_array(Place p, Place end, int depth);

static Place skip_object(Place p, Place end, int depth) {
    Text key;
    Value value;
    int begun = 0;
    if (depth > MOST_DEPTH) return NULL;
    while ((p = next_key(p, end, &begun, &key))) {
        if (!key.at) return p;
        if (!(p = scan_value(p, end, depth, &value))) return NULL;
    }
    return NULL;
}

static Place skip_array(Place p, Place end, int depth) {
    Value value;
    int begun = 0, more;
    if (depth > MOST_DEPTH) return NULL;
    while ((p = next_item(p, end, &begun, &more))) {
        if (!more) return p;
        if (!(p = scan_value(p, end, depth, &value))) return NULL;
    }
    return NULL;
}

/* Any value; what is inside of objects and arrays is checked and passed. */
static Place scan_value(Place p, Place end, int depth, Value *value) {
    if (p >= end) return NULL;
    value->at = p;
    switch (*p) {
        case '"':
            value->kind = V_TEXT;
            p = scan_text(p + 1, end, &value->text);
            break;
        case '{':
            value->kind = V_OBJECT;
            p = skip_object(p + 1, end, depth + 1);
            break;
        case '[':
            value->kind = V_ARRAY;
            p = skip_array(p + 1, end, depth + 1);
            break;
        case 't':
            value->kind = V_TRUE;
            p = scan_word(p, end, "true", 4);
            break;
        case 'f':
            value->kind = V_FALSE;
            p = scan_word(p, end, "false", 5);
            break;
        case 'n':
            value->kind = V_NULL;
            p = scan_word(p, end, "null", 4);
            break;
        case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
            p = scan_number(p, end, value);
            break;
        default:
            return NULL;
    }
    value->end = p;
    return p;
}

/* Any value, and its length as compact JSON. */
static Place measure_value(Place p, Place end, int depth, Measure *measure) {
    Value value;
    int begun = 0, more;
    if (depth > MOST_DEPTH || p >= end) return NULL;
    if (*p == '{') {
        Keys seen;
        Text key;
        seen.count = 0;
        measure->written += 2;
        for (p++; (p = next_key(p, end, &begun, &key));) {
            if (!key.at) return p;
            /* The colon, two quotes, and a comma but for the first. */
            measure->written += key.written + 3 + (seen.count > 0);
            if (!measure->odd && !is_new(&seen, &key)) measure->odd = 1;
            if (!(p = measure_value(p, end, depth + 1, measure))) return NULL;
        }
        return NULL;
    }
    if (*p == '[') {
        size_t count = 0;
        measure->written += 2;
        for (p++; (p = next_item(p, end, &begun, &more)); count++) {
            if (!more) return p;
            measure->written += count > 0;
            if (!(p = measure_value(p, end, depth + 1, measure))) return NULL;
        }
        return NULL;
    }
    if (!(p = scan_value(p, end, depth, &value))) return NULL;
    if (value.kind == V_TEXT)
        measure->written += value.text.written + 2;
    else
        measure->written += (size_t)(value.end - value.at);
    /* A float is written anew, perhaps otherwise. */
    if (value.kind == V_FLOAT) measure->odd = 1;
    return p;
}

#endif
