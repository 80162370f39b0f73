/* What all loops need to give the same bits as the Python code on every machine: see also setup.py. */
#ifndef LATPROF_EXACT_H
#define LATPROF_EXACT_H

#include <float.h>
#include <stdint.h>

#if FLT_EVAL_METHOD != 0
#error "results of single precision are kept in a wider register"
#endif

#if defined(_MSC_VER)
#define INLINE static __forceinline
#else
#define INLINE static inline __attribute__((always_inline))
#endif

/* The same source for processors that can do more at once; the one that fits is chosen at the start. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) && !defined(LATPROF_ONE_PROCESSOR)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#endif
