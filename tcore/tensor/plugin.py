"""What the tensor package declares: it registers through the hooks, as every plugin does."""

from tcore.plugins import ConverterSpec, LoweringGroup, OpSpec, RewriteGroup, SharedSpec, TypeSpec, hookimpl

__all__ = ["tcore_lowerings", "tcore_ops", "tcore_optimizations", "tcore_types"]

#: file -> op classes in it
_OPS = {
    "advanced_incsubtensor": ("AdvancedIncSubtensor", "AdvancedIncSubtensor1"),
    "advanced_subtensor": ("AdvancedSubtensor", "AdvancedSubtensor1"),
    "alloc": ("Alloc", "AllocEmpty", "Eye"),
    "assertion": ("Assert",),
    "blas": ("Dot22", "Dot22Scalar", "Gemm", "Gemv", "Ger"),
    "careduce": ("All", "Any_", "CAReduce", "CAReduceDtype", "Sum"),
    "cumulative": ("CumOp", "LinearRecurrence"),
    "diagonals": ("AllocDiag", "ExtractDiag"),
    "dimshuffle": ("DimShuffle",),
    "dot": ("BatchedDot", "Dot"),
    "elemwise": ("Elemwise",),
    "extremes": ("Argmax", "Argmin", "MaxAndArgmax"),
    "factors": ("Differentiated",),
    "fft": ("InverseRealFFT", "RealFFT"),
    "fft_axes": ("FFT", "HalfFFT", "InverseHalfFFT"),
    "ifelse": ("IfElse",),
    "incsubtensor": ("IncSubtensor",),
    "index_tricks": ("RavelMultiIndex", "UnravelIndex"),
    "indexing": ("MaskIndices",),
    "io.files": ("LoadFromDisk",),
    "io.mpi": ("MPIRecv", "MPIRecvWait", "MPISend", "MPISendWait"),
    "join": ("Join", "MakeVector", "Split"),
    "linalg.cholesky": ("Cholesky", "CholeskyGrad"),
    "linalg.determinant": ("Det", "SLogDet"),
    "linalg.eigen": ("Eig", "Eigh", "EighGrad", "Eigvalsh", "EigvalshGrad"),
    "linalg.exponential": ("Expm", "ExpmGrad"),
    "linalg.factorizations": ("QRFull", "QRIncomplete", "SVD"),
    "linalg.hints": ("Hint",),
    "linalg.inverse": ("MatrixInverse", "MatrixPinv", "TensorInv"),
    "linalg.least_squares": ("LeastSquares",),
    "linalg.solve": ("Solve", "TensorSolve"),
    "manipulation": ("CpuContiguous", "Repeat"),
    "products": ("Prod", "ProdWithoutZeros"),
    "random.from_uniform": ("ChoiceFromUniform", "OutcomesFromUniform"),
    "random.function": ("RandomFunction",),
    "random.philox": ("PhiloxUniform",),
    "random.mrg_op": ("DotModulo", "MRGSteps", "MRGUniform"),
    "ranges": ("ARange",),
    "rebroadcast": ("Rebroadcast",),
    "recurrence": ("Recurrence",),
    "reshape": ("Reshape",),
    "scalars": ("ScalarFromTensor", "TensorFromScalar"),
    "searching": ("BinCount", "SearchsortedOp", "Unique"),
    "shape": ("Shape", "Shape_i", "SpecifyShape"),
    "softmax": ("LogSoftmax", "Softmax", "SoftmaxGrad"),
    "sorting": ("ArgSortOp", "SortOp"),
    "subtensor": ("Subtensor",),
    "type_other": ("MakeSlice",),
    "vectorizing.loop": ("EachItem",),
}
_LIST_OPS = ("Append", "Count", "Extend", "GetItem", "Insert", "Length", "MakeList", "Remove", "Reverse")


@hookimpl
def tcore_types() -> list[TypeSpec | ConverterSpec | SharedSpec]:
    """The Types of arrays, slices, lists and None; numbers and arrays as constants and as shared variables."""
    return [
        ConverterSpec("builtins", load="tcore.tensor.conversion:convert"),
        ConverterSpec("numpy", load="tcore.tensor.conversion:convert"),
        SharedSpec("builtins", load="tcore.tensor.sharedvar:scalar_constructor"),
        SharedSpec("numpy", load="tcore.tensor.sharedvar:scalar_constructor"),
        SharedSpec("numpy", load="tcore.tensor.sharedvar:device_constructor"),
        SharedSpec("numpy", load="tcore.tensor.sharedvar:tensor_constructor"),
        SharedSpec("numpy.random", load="tcore.tensor.random.state:randomstate_constructor"),
        TypeSpec("TensorType", load="tcore.tensor.type:TensorType", summary="arrays of one dtype and broadcast pattern"),
        TypeSpec("SliceType", load="tcore.tensor.type_other:SliceType", summary="slices as values"),
        TypeSpec("RandomStateType", load="tcore.tensor.random.state:RandomStateType", summary="NumPy's generators"),
        TypeSpec("TypedListType", load="tcore.typed_list.type:TypedListType", summary="lists of values of one Type"),
        TypeSpec("NoneTypeT", load="tcore.tensor.type_other:NoneTypeT", summary="None as a value"),
    ]


@hookimpl
def tcore_ops() -> list[OpSpec]:
    """The ops on tensors."""
    return [
        *(OpSpec(f"tcore.tensor.{module}:{name}") for module, names in _OPS.items() for name in names),
        OpSpec("tcore.scan_module.op:Scan"),
        *(OpSpec(f"tcore.typed_list.basic:{name}") for name in _LIST_OPS),
    ]


@hookimpl
def tcore_optimizations() -> list[RewriteGroup]:
    """Rewrites by family; each family is a file of :mod:`tcore.tensor.rewrites`."""
    return [
        RewriteGroup("tensor", load="tcore.tensor.rewrites:GROUP"),
        RewriteGroup("linalg", load="tcore.tensor.rewrites.linalg:GROUP", modules=("tcore.tensor.linalg",)),
        RewriteGroup("op_from_graph", load="tcore.gradient.op_from_graph_rewrites:GROUP", modules=("tcore.gradient.op_from_graph",)),
        RewriteGroup("compile", load="tcore.compile.rewrites:GROUP"),
        RewriteGroup("scan", load="tcore.scan_module.rewrites:GROUP", modules=("tcore.scan_module",)),
    ]


@hookimpl
def tcore_lowerings() -> list[LoweringGroup]:
    """Their lowerings to the loop IR."""
    return [LoweringGroup("tensor", load="tcore.tensor.lowering:LOWERINGS")]
