/* Interface of the native runtime core: no Python here.
 *
 * The part between the TC_INTERFACE marks is plain C declarations, which the cffi form of the runtime
 * reads as they stand; macros live outside it.
 */
#ifndef TCORE_RUNTIME_CORE_H
#define TCORE_RUNTIME_CORE_H

#include <stdint.h>
#include <stddef.h>

/* Raised whenever kernels compiled for an older runtime must not be loaded any more. */
#define TC_ABI 7

/* Elements in one call of a tile body; also the size of scratch tiles. */
#define TC_TILE 512
/* Bodies with vector functions always see a multiple of this many elements. */
#define TC_LANES 64
#define TC_MAXDIM 32
/* Array references of one phase. */
#define TC_MAXREFS 40
#define TC_MAXCELLS 16
/* Size of the largest element: complex128. */
#define TC_MAXITEM 16
/* Seconds of long work after which the host is asked whether to go on. */
#define TC_POLL 0.05

/* TC_INTERFACE begin */

/* What a body gets beside its pointers: integers (strides, lengths), the error word, and which part of the results it is to make:
 * number `part` of `parts`. Bodies whose kernel is not cut into parts look at neither. `run`: the elements are neighbours along the last
 * axis, and references of kind PLACE and LINE show the first one only. `lanes`: they are of different rows, and each reads CELL
 * references of its own. */
typedef struct {
    const int64_t *ints;
    int64_t *error;
    int64_t part;
    int64_t parts;
    int64_t run;
    int64_t lanes;
} tc_params;

typedef void (*tc_body)(int64_t n, void *const *ptr, const tc_params *params);

/* How a phase sees one pointer of its body. */
enum tc_ref_kind {
    TC_REF_ARRAY = 0,  /* one element per index, through a tile; index: operand of the kernel */
    TC_REF_SCALAR = 1, /* pointer to the only element of an operand */
    TC_REF_BASE = 2,   /* pointer to the first element; the body indexes by itself */
    TC_REF_ROW = 3,    /* scratch as long as a row; index: number of the scratch row */
    TC_REF_CELL = 4,   /* result of a reduction; index: number of the cell */
    TC_REF_TILE = 5,   /* tile that only this phase's reductions read, or that stays from step to step of a prefix */
    TC_REF_SPREAD = 6, /* result of a reduction, read once per element: lanes have one each, a row has one for all; index: the cell */
    TC_REF_PLACE = 7,  /* as ARRAY; a run, along which it is the same, needs its first element only */
    TC_REF_LINE = 8    /* as ARRAY: the index along the last axis; a run needs its first element only */
};

typedef struct {
    int32_t kind;
    int32_t index;
    int32_t itemsize;
    int32_t written; /* 0 read, 1 written, 2 both */
} tc_ref;

enum tc_reduce_op {
    TC_SUM = 0, TC_PROD = 1, TC_MIN = 2, TC_MAX = 3, TC_ARGMIN = 4, TC_ARGMAX = 5,
    TC_AND = 6, TC_OR = 7, TC_XOR = 8
};

enum tc_order {
    TC_ORDER_ANY = 0,
    TC_ORDER_SERIAL = 1, /* in index order */
    TC_ORDER_PARTS = 2,  /* in index order for each part of the results, which bodies tell apart */
    TC_ORDER_PREFIX = 3  /* in index order along the reduced axis; see native/prefixes.h */
};

/* One reduction of a phase: reads ref `value` (and ref `position` for argmin, argmax), leaves its
 * result in cell `cell` (and the position in cell `cell2`). */
typedef struct {
    int32_t op;
    int32_t dtype;
    int32_t value;
    int32_t position;
    int32_t cell;
    int32_t cell2;
    int32_t source; /* dtype of the elements: another than `dtype` only for sums of what lies in memory */
} tc_reduction;

typedef struct {
    tc_body body; /* NULL: the reductions read the operands themselves */
    int32_t level; /* 0: once per element; 1: once per row */
    int32_t lanes; /* 1: call with whole vectors only */
    int32_t by_lane; /* 1: the body has a form for lanes that read CELL references of their own */
    int32_t nrefs;
    int32_t nreductions;
    const tc_ref *refs;
    const tc_reduction *reductions;
} tc_phase;

enum tc_operand_kind { TC_OPERAND_ARRAY = 0, TC_OPERAND_IOTA = 1 };

typedef struct {
    int32_t kind;
    int32_t itemsize;
    int32_t written;
} tc_operand;

typedef struct {
    int32_t noperands;
    int32_t nphases;
    int32_t nrows;   /* scratch rows */
    int32_t order;   /* see tc_order */
    int32_t cost;    /* estimated picoseconds per element */
    const tc_operand *operands;
    const tc_phase *phases;
    const int32_t *row_itemsizes;
} tc_kernel;

/* One launch: extents of the axes, kept ones and reduced ones, and where the operands are. */
typedef struct {
    int32_t ndim;
    uint32_t reduced; /* bit d: axis d is reduced */
    const int64_t *extents;
    char *const *data;
    const int64_t *strides; /* bytes, [operand][axis]; of an IOTA operand: its steps */
    const int64_t *ints;
    int64_t *error;
    int64_t whole;          /* how many times as large the arrays are of which this launch reads and writes a part */
} tc_launch;

/* 0, or -1 when scratch could not be allocated. */
int tc_run_kernel(const tc_kernel *kernel, const tc_launch *launch);

void tc_set_threads(int n); /* 0: as OMP_NUM_THREADS or the machine says */
int tc_get_threads(void);
void tc_set_grain(int64_t ns); /* work (nanoseconds) from which a kernel uses threads */
void tc_set_elements(int64_t n); /* elements from which it does so however little work they are */
void tc_set_stream(int64_t bytes); /* size from which a result goes around the caches; 0: what the largest cache holds */
typedef void (*tc_task)(void *context, int64_t begin, int64_t end);
void tc_parallel_for(int64_t n, int64_t grain, tc_task task, void *context);
int64_t tc_lent_threads(void); /* the address of such a function, for code that is not the core's */

void *tc_block_get(size_t bytes); /* 64-byte aligned, cached from 256 KiB on */
void tc_block_free(void *block);
void tc_cache_limit(int64_t bytes);
void tc_cache_age(int64_t ns); /* blocks that nobody wanted for so long go back to the system when the next one is given back */
int64_t tc_cache_held(void);
void tc_cache_trim(void);
int64_t tc_memory_watch(void); /* bytes of blocks of cached sizes in use; tc_memory_most counts from here */
int64_t tc_memory_most(void);

void tc_copy(char *to, const int64_t *to_strides, const char *from, const int64_t *from_strides,
             int ndim, const int64_t *extents, int itemsize);

/* BLAS: routines by number, pointers given by the host (Fortran calling convention). */
enum tc_blas_routine {
    TC_SGEMM = 0, TC_DGEMM = 1, TC_SGEMV = 2, TC_DGEMV = 3, TC_SGER = 4, TC_DGER = 5, TC_SDOT = 6, TC_DDOT = 7,
    TC_CGEMM = 8, TC_ZGEMM = 9, TC_STRSM = 10, TC_DTRSM = 11, TC_CTRSM = 12, TC_ZTRSM = 13, TC_CGEMV = 14, TC_ZGEMV = 15,
    TC_CGERU = 16, TC_ZGERU = 17, TC_LAPACK = 18,
    TC_NROUTINES = 66
};
/* LAPACK: the routine k for float32, float64, complex64, complex128 has the numbers TC_LAPACK + 4 k and following. */
enum tc_lapack_routine {
    TC_POTRF = 0, TC_GETRF = 1, TC_GETRS = 2, TC_GETRI = 3, TC_SYSV = 4, TC_GEQRF = 5, TC_ORGQR = 6, TC_GESDD = 7, TC_SYEVD = 8,
    TC_SYGVD = 9, TC_GEEV = 10, TC_GELSD = 11, TC_NLAPACK = 12
};
void tc_set_blas(int routine, void *pointer);
/* Sorts n elements of a dtype at `start`, NaN last; 0, or not when memory ran out. */
typedef int (*tc_sort_fn)(void *start, intptr_t n, void *unused);
/* A sort of the host, which serves where it is faster than the core's own. */
void tc_set_sort(int dtype, tc_sort_fn sort);
/* The longest axis that BLAS gets, 2^31 - 1 unless it is set; products of longer ones are made in parts. */
void tc_set_longest(int64_t length);
/* Functions of the BLAS library that tell and set its number of threads: without them it threads by itself. */
void tc_set_blas_threads(void *get, void *set);

/* Arrays of a program. */
typedef struct {
    char *data;
    int64_t *dims;
    int64_t *strides; /* bytes */
    int32_t ndim;
    int32_t dtype;
    int32_t itemsize;
    int32_t buffer; /* number of the temporary buffer that holds it, or -1 */
    int32_t owner;  /* slot whose memory a view shows, or itself */
    int32_t flags;  /* see tc_slot_flag */
} tc_array;

enum tc_slot_flag {
    TC_SLOT_PERMUTED = 1, /* memory order is not C order */
    TC_SLOT_FOREIGN = 2,  /* must not be written: read-only, overlapping or not ours */
    TC_SLOT_PENDING = 4,  /* the host was asked for memory */
    TC_SLOT_TAKEN = 8     /* its memory is or was being overwritten by a step */
};

typedef struct {
    int64_t code;    /* 0: none; see tc_error_code */
    int64_t apply;   /* number of the Apply */
    int64_t operand;
    int64_t axis;
    int64_t left;
    int64_t right;
} tc_error;

enum tc_error_code {
    TC_ERROR_NONE = 0, TC_ERROR_SHAPE = 1, TC_ERROR_INDEX = 2, TC_ERROR_DEMAND = 3, TC_ERROR_MEMORY = 4,
    TC_ERROR_NEGATIVE = 5, TC_ERROR_RESHAPE = 6, TC_ERROR_BLAS = 7, TC_ERROR_STOPPED = 8,
    TC_ERROR_DOUBT = 9, /* the host looks whether something is wrong; the frame can run on */
    TC_ERROR_LINALG = 10 /* left: what LAPACK reports; axis: the item of the stack */
};

enum tc_event { TC_DONE = 0, TC_ALLOC = 1, TC_CALL = 2, TC_FAILED = 3, TC_FORGET = 4 };

typedef struct {
    int32_t nslots;
    int32_t nregs;
    int32_t nbuffers;
    int32_t nkernels;
    int32_t ncode;
    const int32_t *slot_ndims;
    const int32_t *slot_dtypes;
    const int64_t *code;
    const tc_kernel *kernels;
} tc_program;

typedef struct {
    const tc_program *program;
    tc_array *slots;
    int64_t *regs;
    char **buffers;
    size_t *capacities;
    int64_t *lengths;   /* memory of the slots' dims and strides */
    int64_t pc;         /* where to go on; -1 behind the end */
    int64_t event_arg; /* slot of TC_ALLOC and TC_FORGET, step of TC_CALL */
    tc_error error;
    void *host;
    void (*on_long)(void *host); /* before work that is worth releasing the host's lock */
    int (*on_poll)(void *host);  /* about every TC_POLL seconds of such work; not 0: stop */
    double polled;               /* when that was asked last */
    double worked;               /* nanoseconds of work, as estimated, since the host could last do something else */
    int64_t watched;             /* whether the step at hand may be stopped halfway */
} tc_frame;

/* A program from its flat description (see tcore_cpu/programs/assembler.py); NULL when it is malformed. */
tc_program *tc_program_new(const int64_t *spec, int64_t length);
void tc_program_free(tc_program *program);
tc_frame *tc_frame_new(const tc_program *program);
void tc_frame_free(tc_frame *frame);
void tc_frame_start(tc_frame *frame);
int tc_frame_run(tc_frame *frame); /* a tc_event */
void tc_frame_release(tc_frame *frame); /* gives large temporaries back */
int tc_itemsize(int dtype);

/* TC_INTERFACE end */

enum tc_dtype {
    TC_BOOL, TC_INT8, TC_UINT8, TC_INT16, TC_UINT16, TC_INT32, TC_UINT32, TC_INT64, TC_UINT64,
    TC_FLOAT16, TC_FLOAT32, TC_FLOAT64, TC_COMPLEX64, TC_COMPLEX128, TC_OBJECT
};

/* Instructions of a program. Registers hold int64; every operand is one int64 of `code`. */
enum tc_instruction {
    TC_OP_END = 0,       /* */
    TC_OP_CONST = 1,     /* r value */
    TC_OP_DIM = 2,       /* r slot axis */
    TC_OP_VALUE = 3,     /* r slot           value of a 0-d integer array */
    TC_OP_ARITH = 4,     /* r function a b */
    TC_OP_SELECT = 5,    /* r condition a b */
    TC_OP_CHECK = 6,     /* code apply operand axis a b      error unless a == b */
    TC_OP_REQUIRE = 7,   /* code apply a b c                error unless a; b and c are reported */
    TC_OP_ALLOC = 8,     /* slot buffer ndim nlike (register)*ndim (slot)*nlike    buffer -1: the host's; -2: no memory yet */
    TC_OP_VIEW = 9,      /* slot source nstart ndim (axis register)*nstart (register axis step)*ndim */
    TC_OP_RESHAPE = 10,  /* slot source buffer apply ndim (register)*ndim    a view where the source allows it */
    TC_OP_KERNEL = 11,   /* kernel ndim reduced noperands nints (register)*ndim operands (register)*nints
                            operand: slot nterms (axis source_axis coefficient)*nterms; axis -1: offset,
                            coefficient: register or -1; slot -1: an index, source_axis unused */
    TC_OP_GEMM = 12,     /* c a b alpha beta       c = alpha a b + beta c; alpha and beta 0-d, or -1: 1 and 0 */
    TC_OP_GEMV = 13,     /* y a x alpha beta       y = alpha a x + beta y */
    TC_OP_GER = 14,      /* a x y alpha            a += alpha x y' */
    TC_OP_DOT = 15,      /* z x y */
    TC_OP_COPY = 16,     /* to from                of equal shapes */
    TC_OP_CALL = 17,     /* step                   the host runs it */
    TC_OP_PRIVATE = 18,  /* slot source            the source itself where it may be written, else a copy */
    TC_OP_STRIDE = 19,   /* r slot axis */
    TC_OP_STORE = 20,    /* slot n (register)*n    into a contiguous int64 array */
    TC_OP_RELEASE = 21,  /* buffer                 nobody reads it any more: large memory goes back */
    TC_OP_FORGET = 22,   /* slot                   the same for an array of the host */
    TC_OP_LINALG = 23,   /* operation option needs apply nout nin (slot core)*(nout + nin)
                            needs: bits of the routines of LAPACK that it calls, then of gemm and trsm;
                            core: how many of the last axes belong to an item, those before are the stack's */
    TC_OP_ROUTINE = 24,  /* routine apply nslots nargs (slot or -1)*nslots (argument)*nargs    see tc_routine */
    TC_OP_EPILOGUE = 25, /* c a b alpha beta buffer axis    the product and the kernel behind it, TC_OP_KERNEL, by blocks of rows:
                            those of c are the kernel's `axis`; buffer -1: c has memory, else only the kernel reads it */
    TC_OP_JUMP = 30,     /* r offset               goes on at `offset` from here where the register is 0 */
    TC_OP_REPEAT = 31    /* r end stop offset      counts r, and goes back to `offset` from here while it is below `end`
                            and register stop (-1: none) is 0 */
};

/* Routines: their slots, and their arguments: registers, or literals where so said. */
enum tc_routine {
    TC_R_SORT = 0,         /* out x; literal axis           of equal shapes */
    TC_R_ARGSORT = 1,      /* out x; literal axis */
    TC_R_DIFFERENT = 2,    /* x order; count, literal apart    vectors; order -1: x is sorted; apart: each NaN by itself */
    TC_R_UNIQUE = 3,       /* x order values index inverse counts; literal apart    all but x and values may be -1 */
    TC_R_RANGE = 4,        /* x; least, largest             of a vector of integers */
    TC_R_BINCOUNT = 5,     /* out x weights                 weights may be -1 */
    TC_R_TOTAL = 6,        /* x; sum                        of a vector of integers, -1 where one is negative */
    TC_R_REPEAT = 7,       /* out x counts; length, inner   of the axis, and product of those behind it; no gaps */
    TC_R_COUNT_PLACES = 8, /* parts mask; count             mask: a vector without gaps; parts: see tc_count_places */
    TC_R_LIST_PLACES = 9,  /* parts mask (out)*ndim; (length)*ndim */
    TC_R_DIAGONAL = 10,    /* view x; literals offset first second */
    TC_R_BATCHED = 11,     /* out x y                       three axes each */
    TC_R_CHOOSE = 12       /* out chances numbers           see tc_choose_rows */
};

/* Operations of linear algebra. */
enum tc_linalg_operation {
    TC_CHOLESKY = 0, TC_SOLVE = 1, TC_INVERSE = 2, TC_DET = 3, TC_QR = 4, TC_SVD = 5, TC_PINV = 6, TC_EIGH = 7, TC_EIG = 8,
    TC_EXPM = 9, TC_FACTOR = 10, TC_SOLVE_FACTORED = 11, TC_LSTSQ = 12, TC_CHOLESKY_GRAD = 13
};

enum tc_function {
    TC_F_ADD, TC_F_SUB, TC_F_MUL, TC_F_FLOORDIV, TC_F_MOD, TC_F_MIN, TC_F_MAX,
    TC_F_LT, TC_F_LE, TC_F_EQ, TC_F_NE, TC_F_AND, TC_F_OR, TC_F_GT, TC_F_GE
};

#endif
