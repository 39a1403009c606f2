/* The exponential of a matrix, and its derivative in a direction.
 *
 * Scaling and squaring with Padé approximants (Al-Mohy and Higham, 2009, doi:10.1137/09074721X and doi:10.1137/080716426). Numbers
 * a + b·e with e·e = 0 carry the derivative along: their products take three products of matrices, not the eight of matrices of
 * twice the size.
 */

/* A matrix and its derivative; without one `d` is NULL. */
typedef struct {
    char *v, *d;
} tc_dual;

typedef struct {
    int letter, n;
    int64_t count; /* real numbers in a matrix */
} tc_exponential;

static tc_dual tc_take_dual(tc_arena *arena, const tc_exponential *e, int both)
{
    size_t bytes = (size_t)e->count * (size_t)tc_real_size(e->letter);
    tc_dual x = {tc_take(arena, bytes, 1), NULL};
    if (both)
        x.d = tc_take(arena, bytes, 1);
    return x;
}

static void tc_dual_multiply(const tc_exponential *e, tc_dual to, tc_dual a, tc_dual b)
{
    int n = e->n;
    tc_multiply(e->letter, "NN", n, n, n, 1, a.v, b.v, 0, to.v);
    if (!to.d)
        return;
    tc_multiply(e->letter, "NN", n, n, n, 1, a.v, b.d, 0, to.d);
    tc_multiply(e->letter, "NN", n, n, n, 1, a.d, b.v, 1, to.d);
}

/* to = first * to + factor * x */
static void tc_add_scaled(const tc_exponential *e, char *to, double first, const char *x, double factor)
{
    if (e->letter % 2) {
        double *y = (double *)to;
        for (int64_t k = 0; k < e->count; k++)
            y[k] = (first == 0 ? 0 : first * y[k]) + factor * ((const double *)x)[k];
    } else {
        float *y = (float *)to;
        for (int64_t k = 0; k < e->count; k++)
            y[k] = (first == 0 ? 0 : (float)first * y[k]) + (float)factor * ((const float *)x)[k];
    }
}

static void tc_dual_add(const tc_exponential *e, tc_dual to, double first, tc_dual x, double factor)
{
    tc_add_scaled(e, to.v, first, x.v, factor);
    if (to.d)
        tc_add_scaled(e, to.d, first, x.d, factor);
}

static void tc_add_identity(const tc_exponential *e, tc_dual to, double factor)
{
    int size = tc_letter_size[e->letter];
    for (int64_t k = 0; k < e->n; k++) {
        char *at = to.v + k * (e->n + 1) * size;
        if (e->letter % 2)
            *(double *)at += factor;
        else
            *(float *)at += (float)factor;
    }
}

/* to = the sum of coefficients[k] * powers[k], where powers[0] stands for the identity. */
static void tc_polynomial(const tc_exponential *e, tc_dual to, const double *coefficients, int step, const tc_dual *powers, int count)
{
    for (int k = 1; k < count; k++)
        tc_dual_add(e, to, k > 1, powers[k], coefficients[k * step]);
    tc_add_identity(e, to, coefficients[0]);
}

static double tc_entry_size(const tc_exponential *e, const char *a, int64_t k)
{
    tc_number z = tc_load_number(a + k * tc_letter_size[e->letter], e->letter);
    return tc_is_complex(e->letter) ? hypot(z.re, z.im) : fabs(z.re);
}

/* The largest sum of the sizes in a column; NaN where there is one. */
static double tc_one_norm(const tc_exponential *e, const char *a)
{
    double largest = 0;
    for (int64_t j = 0; j < e->n; j++) {
        double sum = 0;
        for (int64_t i = 0; i < e->n; i++)
            sum += tc_entry_size(e, a, j * e->n + i);
        if (!(sum <= largest))
            largest = sum;
        if (isnan(largest))
            return largest;
    }
    return largest;
}

/* The sum of products, in four parts that do not wait for one another. */
static double tc_products_sum(const double *x, const double *y, int64_t n)
{
    double sums[4] = {0, 0, 0, 0};
    int64_t k = 0;
    for (; k + 4 <= n; k += 4)
        for (int part = 0; part < 4; part++)
            sums[part] += x[k + part] * y[k + part];
    for (; k < n; k++)
        sums[0] += x[k] * y[k];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

/* How many more halvings rounding errors ask for: the function ell of the paper, for A * scale. `sizes`: n * n numbers. */
static int tc_more_halvings(const tc_exponential *e, const char *a, double scale, double norm, int m, double *sizes, double *row,
                            double *next)
{
    int64_t n = e->n;
    for (int64_t k = 0; k < n * n; k++)
        sizes[k] = tc_entry_size(e, a, k) / norm;
    double logarithm = 2 * m * log2(norm * scale); /* of the norm of the power |A|^(2m + 1), over that of A */
    for (int64_t k = 0; k < n; k++)
        row[k] = 1;
    for (int p = 0; p < 2 * m + 1; p++) {
        double largest = 0;
        for (int64_t j = 0; j < n; j++) {
            next[j] = tc_products_sum(row, sizes + j * n, n);
            largest = next[j] > largest ? next[j] : largest;
        }
        if (largest == 0)
            return 0;
        logarithm += log2(largest);
        for (int64_t j = 0; j < n; j++)
            row[j] = next[j] / largest;
    }
    /* log2 of the binomial coefficient (2m, m) times (2m + 1)! */
    double choices = (lgamma(2 * m + 1) - 2 * lgamma(m + 1) + lgamma(2 * m + 2)) / log(2);
    int more = (int)ceil((logarithm - choices + 53) / (2 * m));
    return more > 0 ? more : 0;
}

static const double tc_pade[5][14] = {
    {120, 60, 12, 1},
    {30240, 15120, 3360, 420, 30, 1},
    {17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1},
    {17643225600, 8821612800, 2075673600, 302702400, 30270240, 2162160, 110880, 3960, 90, 1},
    {64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800,
     33522128640, 1323241920, 40840800, 960960, 16380, 182, 1},
};
static const int tc_pade_degree[5] = {3, 5, 7, 9, 13};
/* How large a matrix each serves, and its derivative. */
static const double tc_pade_limit[2][5] = {
    {1.495585217958292e-2, 2.539398330063230e-1, 9.504178996162932e-1, 2.097847961257068, 4.25},
    {1.08e-2, 2.00e-1, 7.83e-1, 1.78, 4.74},
};

/* Computes the powers a[1], ... that the approximant needs, and says which it is (an index of tc_pade), how many powers it takes, the
 * identity included, and how often the matrix, of norm `norm`, is halved before. `work`: n * n + 2 * n numbers. */
static int tc_choose_approximant(const tc_exponential *e, tc_dual *a, double norm, int both, double *work, int *powers, int *halvings)
{
    const double *limit = tc_pade_limit[both];
    double *row = work + (int64_t)e->n * e->n, *next = row + e->n;
    *halvings = 0;
    tc_dual_multiply(e, a[1], a[0], a[0]);
    *powers = 2;
    if (norm <= limit[0])
        return 0;
    tc_dual_multiply(e, a[2], a[1], a[1]);
    *powers = 3;
    if (norm <= limit[1])
        return 1;
    tc_dual_multiply(e, a[3], a[2], a[1]);
    *powers = 4;
    /* Powers of matrices that are far from normal are much smaller than the power of the norm. */
    double fourth = pow(tc_one_norm(e, a[2].v), 1.0 / 4), sixth = pow(tc_one_norm(e, a[3].v), 1.0 / 6);
    double reach = both ? norm : fmin(norm, fmax(fourth, sixth));
    int degree = 4;
    for (int d = 2; d < 4; d++)
        if (degree == 4 && reach <= limit[d] &&
            (norm <= limit[d] || !tc_more_halvings(e, a[0].v, 1, norm, tc_pade_degree[d], work, row, next)))
            degree = d;
    if (degree == 3) {
        tc_dual_multiply(e, a[4], a[3], a[1]);
        *powers = 5;
    }
    if (degree == 4) {
        *halvings = isfinite(reach) ? (int)fmax(0, ceil(log2(reach / limit[4]))) : (int)ceil(log2(norm / limit[4]));
        if (ldexp(norm, -*halvings) > limit[4])
            *halvings += tc_more_halvings(e, a[0].v, ldexp(1, -*halvings), norm, 13, work, row, next);
    }
    return degree;
}

/* The odd terms of the numerator to u, the even ones to v; w is overwritten. The denominator is v - u. */
static void tc_approximate(const tc_exponential *e, const tc_dual *a, int degree, int powers, tc_dual u, tc_dual v, tc_dual w)
{
    const double *b = tc_pade[degree];
    if (degree < 4) {
        tc_polynomial(e, w, b + 1, 2, a, powers);
        tc_dual_multiply(e, u, a[0], w);
        tc_polynomial(e, v, b, 2, a, powers);
    } else {
        for (int odd = 1; odd >= 0; odd--) {
            tc_dual part = odd ? w : v;
            tc_dual_add(e, u, 0, a[3], b[12 + odd]);
            tc_dual_add(e, u, 1, a[2], b[10 + odd]);
            tc_dual_add(e, u, 1, a[1], b[8 + odd]);
            tc_dual_multiply(e, part, a[3], u);
            for (int k = 3; k > 0; k--)
                tc_dual_add(e, part, 1, a[k], b[2 * k + odd]);
            tc_add_identity(e, part, b[odd]);
        }
        tc_dual_multiply(e, u, a[0], w);
    }
}

/* Outputs: exp(A), or with a second input G its derivative at the adjoint of A in the direction of G. */
static int tc_run_expm(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), x = tc_piece_of(s, 1, item);
    int n = x.rows, size = s->size, both = s->nparts == 3, info;
    tc_exponential e = {s->letter, n, (int64_t)n * n * (size / tc_real_size(s->letter))};
    tc_dual a[5], u = tc_take_dual(arena, &e, both), v = tc_take_dual(arena, &e, both), w = tc_take_dual(arena, &e, both);
    for (int k = 0; k < 5; k++) /* a[k]: the 2k-th power, a[0]: the first */
        a[k] = tc_take_dual(arena, &e, both);
    double *work = tc_take(arena, (size_t)n * ((size_t)n + 2), sizeof *work);
    int *pivots = tc_take(arena, (size_t)n, sizeof *pivots);
    if (!arena->base || !n)
        return 0;
    tc_gather(a[0].v, both ? tc_turned(x) : x, size);
    if (both) {
        tc_gather(a[0].d, tc_piece_of(s, 2, item), size);
        for (int64_t k = 1; tc_is_complex(s->letter) && k < e.count; k += 2)
            if (s->letter % 2)
                ((double *)a[0].v)[k] *= -1;
            else
                ((float *)a[0].v)[k] *= -1;
    }
    double norm = tc_one_norm(&e, a[0].v);
    if (!isfinite(norm)) {
        tc_fill_nan(to, s->letter);
        return 0;
    }
    int halvings, powers, degree = tc_choose_approximant(&e, a, norm, both, work, &powers, &halvings);
    for (int k = 0; halvings && k < 4; k++)
        tc_dual_add(&e, a[k], ldexp(1, -halvings * (k ? 2 * k : 1)), a[k], 0);
    tc_approximate(&e, a, degree, powers, u, v, w);
    /* (v - u) r = v + u */
    tc_dual_add(&e, w, 0, v, 1);
    tc_dual_add(&e, w, 1, u, 1);
    tc_dual_add(&e, v, 1, u, -1);
    tc_dual r = w, other = a[0];
    char *factors = both ? a[1].v : v.v;
    if (both)
        memcpy(factors, v.v, (size_t)e.count * (size_t)tc_real_size(s->letter));
    info = tc_getrf(s->letter, n, n, factors, tc_ld(n), pivots);
    if (info)
        return info;
    tc_getrs(s->letter, 'N', n, n, factors, pivots, r.v);
    if (both) {
        tc_multiply(s->letter, "NN", n, n, n, -1, v.d, r.v, 1, r.d);
        tc_getrs(s->letter, 'N', n, n, factors, pivots, r.d);
    }
    for (; halvings > 0; halvings--) {
        tc_dual_multiply(&e, other, r, r);
        tc_dual swap = r;
        r = other, other = swap;
    }
    tc_spread(to, both ? r.d : r.v, n, size);
    return 0;
}
