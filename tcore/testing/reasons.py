"""Why an op of the core lacks something: for each empty cell of the table of :mod:`tcore.testing.coverage`.

A test fails for an empty cell without a reason, and for a reason whose cell is filled. What is said of ``lowering`` holds for the backends as well,
where they say nothing else, and what is said of ``grad`` holds for ``R_op``.
"""

from __future__ import annotations

__all__ = ["REASONS"]

#: (what is missing, why, the module below ``tcore``, ops in it)
_STATEMENTS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    # --- loops
    ("lowering", "a loop over a whole graph: the graph of a step is lowered, and its program runs once a step", "scan_module.op", ("Scan",)),
    ("grad", "the optimizer makes it of loops whose gradients are taken already", "tensor.recurrence", ("Recurrence",)),
    # --- what is no work on arrays
    ("lowering", "copies whatever Type its input has; among kernels, arrays are copied by the backend", "compile.copy_ops", ("DeepCopyOp",)),
    ("opencl cuda", "device arrays are copied by the Type; no kernel is needed", "compile.copy_ops", ("DeepCopyOp",)),
    ("lowering", "a view: nothing is computed", "compile.copy_ops", ("OutputGuard",)),
    ("opencl cuda", "a view of the value where it lies: nothing is computed", "compile.copy_ops", ("OutputGuard",)),
    ("infer_shape", "the user's function decides: as_op takes infer_shape as an argument", "compile.copy_ops", ("FromFunctionOp",)),
    ("grad", "a Python function says nothing of its derivative", "compile.copy_ops", ("FromFunctionOp",)),
    ("lowering", "a Python function runs in Python", "compile.copy_ops", ("FromFunctionOp",)),
    ("lowering", "a view that changes the gradient only: optimization takes it out", "gradient.shaping",
     ("ConsiderConstant", "DisconnectedGrad", "GradClip", "GradScale", "UndefinedGrad")),
    ("lowering", "a view that changes the gradient only: optimization takes it out", "tensor.factors", ("Differentiated",)),
    ("lowering", "a loop over a whole graph: the graph of many rows at once is a function of its own, whose nodes are lowered", "gradient.rows", ("Rows",)),
    ("lowering", "a whole graph, compiled as a function of its own; inline=True puts it where the op is, so that its nodes are lowered",
     "gradient.op_from_graph", ("OpFromGraph",)),
    ("infer_shape", "the op of one item decides, whose lengths only a run tells", "tensor.vectorizing.loop", ("EachItem",)),
    ("lowering", "a loop over items for an op that has no form for a batch: each is a call of a function of that op", "tensor.vectorizing.loop", ("EachItem",)),
    ("lowering", "stops in Python's debugger", "printing.breakpoint", ("PdbBreakpoint",)),
    ("lowering", "prints, or calls a function of the user, in Python", "printing.print_op", ("Print",)),
    ("lowering", "a view with a check of numbers, which the host makes, and Python where it fails; optimization takes out what is known to hold",
     "tensor.assertion", ("Assert",)),
    ("lowering", "hands on values of one branch; the linker runs what computes them, or does not", "tensor.ifelse", ("IfElse",)),
    ("lowering", "a promise to optimizations, which take it out", "tensor.linalg.hints", ("Hint",)),
    ("lowering", "slices are no arrays: an index takes its parts, and optimization takes it out", "tensor.type_other", ("MakeSlice",)),
    ("infer_shape", "a slice has no shape", "tensor.type_other", ("MakeSlice",)),
    # --- lists, which are no arrays
    ("lowering", "lists are Python's: the op handles references to their elements", "typed_list.basic",
     ("Append", "Count", "Extend", "GetItem", "Insert", "Length", "MakeList", "Remove", "Reverse")),
    ("infer_shape", "a list has no shape, and that of an element only a run tells", "typed_list.basic",
     ("Append", "Extend", "GetItem", "Insert", "MakeList", "Remove", "Reverse")),
    # --- memory and shapes, which linkers do without a kernel
    ("lowering", "allocates, computes nothing: the linker reserves the memory", "tensor.alloc", ("AllocEmpty",)),
    ("opencl cuda", "the host asks for the memory, and what fills it is a kernel", "tensor.alloc", ("AllocEmpty",)),
    ("lowering", "another shape of the same memory: linkers make the view, or the copy where it is not in order", "tensor.reshape", ("Reshape",)),
    ("lowering", "lengths, which the host knows before anything runs", "tensor.shape", ("Shape", "Shape_i")),
    ("lowering", "a view with a check of lengths, which the host makes", "tensor.shape", ("SpecifyShape",)),
    ("lowering", "a view, or on the host a copy where the memory is not in order; arrays on devices are", "tensor.manipulation", ("CpuContiguous",)),
    # --- libraries
    ("lowering", "a product of matrices is no loop worth generating: BLAS computes it, and on devices a kernel in blocks", "tensor.blas",
     ("Dot22", "Dot22Scalar", "Gemm", "Gemv", "Ger")),
    ("lowering", "a product of matrices is no loop worth generating: BLAS computes it, and on devices a kernel in blocks", "tensor.dot", ("BatchedDot", "Dot")),
    ("lowering", "scipy.fft, with its threads", "tensor.fft", ("InverseRealFFT", "RealFFT")),
    ("lowering", "scipy.fft, with its threads", "tensor.fft_axes", ("FFT", "HalfFFT", "InverseHalfFFT")),
    *(("lowering", "LAPACK, no loop of ours: the CPU calls it by address, device arrays come to the host for it", f"tensor.linalg.{file}", names) for file, names in (
        ("cholesky", ("Cholesky", "CholeskyGrad")), ("determinant", ("Det", "SLogDet")), ("eigen", ("Eig", "Eigh", "Eigvalsh")), ("exponential", ("Expm", "ExpmGrad")),
        ("factorizations", ("QRFull", "QRIncomplete", "SVD")), ("inverse", ("MatrixInverse", "MatrixPinv")), ("least_squares", ("LeastSquares",)),
        ("solve", ("Solve",)),
    )),
    *(("lowering", "other ops of linear algebra, which have native forms, take its place where a graph is optimized", f"tensor.linalg.{file}", names)
      for file, names in (("eigen", ("EighGrad", "EigvalshGrad")), ("inverse", ("TensorInv",)), ("solve", ("TensorSolve",)))),
    ("grad", "is itself a gradient, as one numeric op", "tensor.linalg.eigen", ("EighGrad",)),
    ("lowering", "a sort is no loop over elements: a routine of the runtime on the host, on devices NumPy of the host", "tensor.sorting", ("ArgSortOp", "SortOp")),
    ("lowering", "draws from a NumPy generator: its numbers are NumPy's own, in NumPy's order", "tensor.random.function", ("RandomFunction",)),
    ("lowering", "each choice depends on those before it: a routine of the runtime on the host, on devices NumPy of the host", "tensor.random.from_uniform", ("ChoiceFromUniform",)),
    ("lowering", "products of integers wider than 64 bits: Python's, once for each seed", "tensor.random.mrg_op", ("DotModulo",)),
    ("lowering", "a table that is computed once and kept", "tensor.random.mrg_op", ("MRGSteps",)),
    # --- lengths that depend on the data
    ("infer_shape", "the length depends on the data", "tensor.indexing", ("MaskIndices",)),
    ("infer_shape", "the length depends on the data", "tensor.searching", ("BinCount",)),
    ("lowering", "the length depends on the data: a routine of the runtime on the host, on devices NumPy of the host", "tensor.indexing", ("MaskIndices",)),
    ("lowering", "the length depends on the data: a routine of the runtime on the host, on devices NumPy of the host", "tensor.searching", ("BinCount", "Unique")),
    # --- input and output
    ("infer_shape", "the file decides", "tensor.io.files", ("LoadFromDisk",)),
    ("lowering", "reads a file: Python does", "tensor.io.files", ("LoadFromDisk",)),
    ("infer_shape", "requests and signs that something is done have no shape", "tensor.io.mpi", ("MPISend", "MPISendWait")),
    ("lowering", "speaks to other processes through mpi4py", "tensor.io.mpi", ("MPIRecv", "MPIRecvWait", "MPISend", "MPISendWait")),
)  # fmt: skip


def _by_op() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for columns, reason, module, names in _STATEMENTS:
        for name in names:
            found.setdefault(f"tcore.{module}:{name}", {}).update(dict.fromkeys(columns.split(), reason))
    return found


#: ``module:Class`` -> column -> reason
REASONS: dict[str, dict[str, str]] = _by_op()
