/* Rows that are turned: element k of all rows stands together, at k times the pitch. */

/* The elements of two vectors at the places that follow; gcc and clang have a function of their own each. */
#if defined(__clang__)
#define TC_PICK(A, B, VECTOR, ...) __builtin_shufflevector(A, B, __VA_ARGS__)
#else
#define TC_PICK(A, B, VECTOR, ...) __builtin_shuffle(A, B, (VECTOR){__VA_ARGS__})
#endif

typedef uint32_t tc_u32x4 __attribute__((vector_size(16)));
typedef uint64_t tc_u64x2 __attribute__((vector_size(16)));

/* Blocks of 2 x 2 words of 8 bytes, and of 4 x 4 words of 4: from lines that lie `from_step` bytes apart to lines that lie `to_step` apart. */
static void tc_turn_block_8(char *to, int64_t to_step, const char *from, int64_t from_step)
{
    tc_u64x2 a, b;
    memcpy(&a, from, 16);
    memcpy(&b, from + from_step, 16);
    const tc_u64x2 first = TC_PICK(a, b, tc_u64x2, 0, 2), second = TC_PICK(a, b, tc_u64x2, 1, 3);
    memcpy(to, &first, 16);
    memcpy(to + to_step, &second, 16);
}

static void tc_turn_block_4(char *to, int64_t to_step, const char *from, int64_t from_step)
{
    tc_u32x4 line[4];
    for (int k = 0; k < 4; k++)
        memcpy(&line[k], from + k * from_step, 16);
    const tc_u32x4 a = TC_PICK(line[0], line[1], tc_u32x4, 0, 4, 1, 5), b = TC_PICK(line[2], line[3], tc_u32x4, 0, 4, 1, 5);
    const tc_u32x4 c = TC_PICK(line[0], line[1], tc_u32x4, 2, 6, 3, 7), d = TC_PICK(line[2], line[3], tc_u32x4, 2, 6, 3, 7);
    line[0] = TC_PICK(a, b, tc_u32x4, 0, 1, 4, 5);
    line[1] = TC_PICK(a, b, tc_u32x4, 2, 3, 6, 7);
    line[2] = TC_PICK(c, d, tc_u32x4, 0, 1, 4, 5);
    line[3] = TC_PICK(c, d, tc_u32x4, 2, 3, 6, 7);
    for (int k = 0; k < 4; k++)
        memcpy(to + k * to_step, &line[k], 16);
}

/* Lines of words without gaps become lines across them. */
#define TC_TURN_BLOCKS(T, WIDTH, BLOCK)                                         \
    static void BLOCK##s(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t lines, int64_t words) \
    {                                                                           \
        int64_t i = 0;                                                          \
        for (; i + WIDTH <= lines; i += WIDTH) {                                \
            int64_t k = 0;                                                      \
            for (; k + WIDTH <= words; k += WIDTH)                              \
                BLOCK(to + k * to_step + i * (int64_t)sizeof(T), to_step, from + i * from_step + k * (int64_t)sizeof(T), from_step); \
            for (; k < words; k++)                                              \
                for (int64_t j = i; j < i + WIDTH; j++)                         \
                    ((T *)(to + k * to_step))[j] = ((const T *)(from + j * from_step))[k]; \
        }                                                                       \
        for (; i < lines; i++)                                                  \
            for (int64_t k = 0; k < words; k++)                                 \
                ((T *)(to + k * to_step))[i] = ((const T *)(from + i * from_step))[k]; \
    }
TC_TURN_BLOCKS(uint64_t, 2, tc_turn_block_8)
TC_TURN_BLOCKS(uint32_t, 4, tc_turn_block_4)

/* One row of whatever elements. */
static void tc_turn_row(char *turned, int64_t pitch, char *memory, int64_t along, int64_t length, int itemsize, int storing)
{
#define TC_TURN_ROW(T)                                                          \
    for (int64_t k = 0; k < length; k++) {                                      \
        T *at = (T *)(memory + k * along), *to = (T *)(turned + k * pitch);     \
        *(storing ? at : to) = *(storing ? to : at);                            \
    }                                                                           \
    break;
    switch (itemsize) {
    case 1: TC_TURN_ROW(uint8_t)
    case 2: TC_TURN_ROW(uint16_t)
    case 4: TC_TURN_ROW(uint32_t)
    case 8: TC_TURN_ROW(uint64_t)
    case 16: TC_TURN_ROW(tc_pair)
    default: break;
    }
}

/* Between n rows of an array and its turned tile. */
static void tc_turn(char *turned, int64_t pitch, char *memory, int64_t across, int64_t along, int64_t n, int64_t length, int itemsize, int storing)
{
    if (across == itemsize || across == 0) {
        for (int64_t k = 0; k < length; k++)
            tc_move_run(turned + k * pitch, memory + k * along, across, n, itemsize, storing);
        return;
    }
    const int in_words = along == itemsize && (itemsize == 8 || itemsize == 4);
    if (in_words && storing)
        (itemsize == 8 ? tc_turn_block_8s : tc_turn_block_4s)(memory, across, turned, pitch, length, n);
    else if (in_words)
        (itemsize == 8 ? tc_turn_block_8s : tc_turn_block_4s)(turned, pitch, memory, across, n, length);
    else
        for (int64_t i = 0; i < n; i++)
            tc_turn_row(turned + i * itemsize, pitch, memory + i * across, along, length, itemsize, storing);
}
