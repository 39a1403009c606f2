/* Functions that are compiled for several machines, and chosen between where they run. */

/* The compiler makes all forms, and the choice. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define TC_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TC_CLONES
#endif

/* Written out for each machine, because the compiler splits vectors before it makes clones. */
#if defined(__x86_64__)
#define TC_FOR_TARGETS(DEFINE, NAME, ...)                                       \
    DEFINE(NAME##_avx512, __attribute__((target("avx512f"))), __VA_ARGS__)      \
    DEFINE(NAME##_avx2, __attribute__((target("avx2"))), __VA_ARGS__)           \
    DEFINE(NAME##_plain, , __VA_ARGS__)
#define TC_FOR_THIS_MACHINE(NAME)                                               \
    (__builtin_cpu_supports("avx512f") ? NAME##_avx512 : __builtin_cpu_supports("avx2") ? NAME##_avx2 : NAME##_plain)
#else
#define TC_FOR_TARGETS(DEFINE, NAME, ...) DEFINE(NAME##_plain, , __VA_ARGS__)
#define TC_FOR_THIS_MACHINE(NAME) NAME##_plain
#endif
