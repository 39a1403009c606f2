"""The loop IR: what array ops compute, grouped into kernels and printed for every backend.

``expr``, ``building`` and ``walks`` (interned scalar expressions), ``stages`` (Map, Reduce, …), ``reductions`` (the fixed idioms),
``functions`` (scalar functions and how each language spells them), ``lowering`` (ops to stages),
``kernel``, ``merging`` and ``grouping`` (a FunctionGraph to kernels), ``printer`` and ``schedule_gpu`` (kernels to
text), ``interpret`` (the meaning of it all, slowly, in NumPy).
"""
