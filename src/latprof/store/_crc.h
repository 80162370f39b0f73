/* CRC-32 as zlib computes it, sixteen bytes at a time: what the polynomial leaves of a long text is the same when its
   parts are multiplied by powers of x, whose remainders are known, and added to what follows them (Gopal, Ozturk and
   others, Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction, Intel, 2009, with bits in the order
   of zlib). Where processor or compiler have no carry-less multiplication nothing is there. */

#ifndef LATPROF_CRC_H
#define LATPROF_CRC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define LATPROF_CRC 1
/* Four sums of 16 bytes are carried along, so that their multiplications need not wait for each other. */
#define LANES 4
#define LEAST_BYTES (16 * LANES)

__attribute__((target("pclmul,sse4.1"))) static inline __m128i moved_on(__m128i sum, __m128i powers) {
    return _mm_xor_si128(_mm_clmulepi64_si128(sum, powers, 0x00), _mm_clmulepi64_si128(sum, powers, 0x11));
}

static int has_crc(void) { return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"); }

/* `size` is a multiple of 16, at least LEAST_BYTES; `crc` is what zlib gave for what comes before. */
__attribute__((target("pclmul,sse4.1"))) static uint32_t crc_of(const uint8_t *data, size_t size, uint32_t crc) {
    /* Remainders of x to the power of 544 and 480, of 160 and 96, of 64, then the polynomial and its inverse. */
    const __m128i by_64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by_16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const __m128i by_8 = _mm_set_epi64x(0, 0x163cd6124), ends = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    const __m128i low_halves = _mm_set_epi32(0, -1, 0, -1);
    __m128i sums[LANES], sum, part;
    for (int lane = 0; lane < LANES; lane++) sums[lane] = _mm_loadu_si128((const __m128i *)data + lane);
    sums[0] = _mm_xor_si128(sums[0], _mm_cvtsi32_si128((int)~crc));
    for (data += LEAST_BYTES, size -= LEAST_BYTES; size >= LEAST_BYTES; data += LEAST_BYTES, size -= LEAST_BYTES)
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] = _mm_xor_si128(moved_on(sums[lane], by_64), _mm_loadu_si128((const __m128i *)data + lane));
    sum = sums[0];
    for (int lane = 1; lane < LANES; lane++) sum = _mm_xor_si128(moved_on(sum, by_16), sums[lane]);
    for (; size >= 16; data += 16, size -= 16)
        sum = _mm_xor_si128(moved_on(sum, by_16), _mm_loadu_si128((const __m128i *)data));
    /* From 16 bytes to 8, and to 4 with the inverse of the polynomial (Barrett). */
    sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by_16, 0x10));
    part = _mm_srli_si128(sum, 4);
    sum = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(sum, low_halves), by_8, 0x00), part);
    part = _mm_clmulepi64_si128(_mm_and_si128(sum, low_halves), ends, 0x10);
    part = _mm_clmulepi64_si128(_mm_and_si128(part, low_halves), ends, 0x00);
    return ~(uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, part), 1);
}

#else

#define LATPROF_CRC 0
#define LEAST_BYTES 0
static int has_crc(void) { return 0; }
static uint32_t crc_of(const uint8_t *data, size_t size, uint32_t crc) {
    (void)data, (void)size;
    return crc;
}

#endif
#endif
