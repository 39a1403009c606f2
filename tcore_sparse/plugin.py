"""What tcore_sparse declares."""

from tcore.plugins import ConverterSpec, OpSpec, RewriteGroup, SharedSpec, TypeSpec, hookimpl

__all__ = ["tcore_ops", "tcore_optimizations", "tcore_types"]

#: file -> op classes in it
_OPS = {
    "compressed": ("StructuredDotParts", "UsmmParts"),
    "dense": ("DenseFromSparse", "SparseFromDense"),
    "dot": ("Dot", "StructuredDot", "StructuredDotEntries", "TrueDot"),
    "elementwise": ("AddSS", "MulSD", "MulSS", "Transpose"),
    "parts": ("CSM", "CSMProperties", "EntriesOf"),
    "rows": ("ConstructSparseFromList",),
    "usmm": ("Usmm",),
}


@hookimpl
def tcore_types() -> list[ConverterSpec | SharedSpec | TypeSpec]:
    """The Type of sparse matrices; variables and shared variables of SciPy's."""
    return [
        TypeSpec("SparseType", load="tcore_sparse.types:SparseType", summary="SciPy sparse matrices of one format and dtype"),
        ConverterSpec("scipy.sparse", load="tcore_sparse.conversion:convert"),
        SharedSpec("scipy.sparse", load="tcore_sparse.variable:sparse_constructor"),
    ]


@hookimpl
def tcore_ops() -> list[OpSpec]:
    """The ops on sparse matrices."""
    return [OpSpec(f"tcore_sparse.ops.{module}:{name}") for module, names in _OPS.items() for name in names]


@hookimpl
def tcore_optimizations() -> list[RewriteGroup]:
    """Products in native code, sums with products."""
    return [RewriteGroup("sparse", load="tcore_sparse.rewrites:GROUP")]
