"""Run a grouped graph with the interpreter, and the same graph op by op with ``perform``."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tcore.codegen.group import Group
from tcore.codegen.grouping import Grouping, group
from tcore.codegen.interpret import run_kernel
from tcore.codegen.lowering import LoweringTable
from tcore.graph.fgraph import FunctionGraph
from tcore.graph.variable import Constant
from tcore.tensor.lowering import LOWERINGS

TABLE = LoweringTable.of(LOWERINGS)
BACKEND = "numpy"
"""How kernels run: ``numpy`` by the interpreter, ``opencl`` on a device, ``cuda-compile`` interpreted after compiling."""


def run_group(step: Group, operands: list[Any], blank: list[Any]) -> list[Any]:
    """The outputs of a kernel on the backend of the test."""
    if BACKEND == "opencl":
        return _on_opencl(step, operands, blank)
    if BACKEND == "cuda-compile":
        from tcore_cuda.compile_only import compile_group

        compile_group(step)
    return run_kernel(step.kernel, operands, blank)


def _on_opencl(step: Group, operands: list[Any], blank: list[Any]) -> list[Any]:
    """Print, build and launch on the first OpenCL device."""
    import pyopencl as cl

    from tcore.codegen.gpu_program import evaluate_length, host_integer
    from tcore.codegen.schedule_gpu import schedule
    from tcore_opencl.printer import OpenCLDialect

    context, queue = _queue()
    program = schedule(step.kernel, OpenCLDialect())
    built = cl.Program(context, program.source).build(options=["-cl-std=CL1.2"])
    arrays = [np.array(b, order="F") for b in blank] + [np.asarray(x) for x in operands]
    hosts = [np.frombuffer(a.tobytes(order="A"), a.dtype) for a in arrays]
    memory = [cl.Buffer(context, cl.mem_flags.READ_WRITE, max(h.nbytes, 1)) for h in hosts]
    for buffer, host in zip(memory, hosts, strict=True):
        if host.nbytes:
            cl.enqueue_copy(queue, buffer, host)
    arrays = [np.copy(a, order="A") for a in arrays]
    record = np.zeros(3, "int64")
    errors = cl.Buffer(context, cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR, hostbuf=record)
    number = {buffer: k for k, buffer in enumerate((*step.kernel.outputs, *step.kernel.inputs))}
    computed = [
        host_integer(n, lambda b, axis: arrays[number[b]].shape[axis], lambda b, index: int(arrays[number[b]][index])) for n in program.block.computed
    ]
    strides = [[s // a.itemsize for s in a.strides] for a in arrays]
    block = program.block.pack([a.shape for a in arrays], strides, [0] * len(arrays), computed)
    for launch in program.launches:
        if all(evaluate_length(extent, lambda b, axis: arrays[number[b]].shape[axis]) for extent in launch.work):
            kernel = cl.Kernel(built, launch.name)
            kernel.set_args(*memory, errors, block)
            cl.enqueue_nd_range_kernel(queue, kernel, (96,), (32,))
    cl.enqueue_copy(queue, record, errors)
    if record[0]:
        raise IndexError(f"index {record[1]} is out of bounds for length {record[2]}")
    results = []
    for k, (buffer, array) in enumerate(zip(memory, arrays, strict=False)):
        if k >= len(blank):
            break
        flat = np.empty(hosts[k].size, array.dtype)
        if flat.nbytes:
            cl.enqueue_copy(queue, flat, buffer)
        results.append(np.ndarray(array.shape, array.dtype, flat, strides=array.strides))
    return results


@functools.cache
def _queue() -> Any:
    import pyopencl as cl

    context = cl.Context([cl.get_platforms()[0].get_devices()[0]])
    return context, cl.CommandQueue(context)


def _perform(node: Any, values: dict[Any, Any]) -> None:
    cells: list[list[Any]] = [[None] for _ in node.outputs]
    arguments = [values[v] if v in values else v.data for v in node.inputs]
    params = node.run_params()
    if type(params).__name__ == "_NoParams":
        node.op.perform(node, arguments, cells)
    else:
        node.op.perform(node, arguments, cells, params)
    for variable, cell in zip(node.outputs, cells, strict=True):
        values[variable] = cell[0]


def reference(fgraph: FunctionGraph, inputs: list[Any]) -> dict[Any, Any]:
    """The value of every variable, by ``perform``."""
    values = dict(zip(fgraph.inputs, (np.copy(x) if isinstance(x, np.ndarray) else x for x in inputs), strict=True))
    with np.errstate(all="ignore"):
        for node in fgraph.toposort():
            _perform(node, values)
    return values


def grouped(inputs: list[Any], outputs: list[Any], **options: Any) -> tuple[FunctionGraph, Grouping]:
    """The graph from inputs to outputs, and its kernels."""
    fgraph = FunctionGraph(list(inputs), list(outputs), clone=True)
    return fgraph, group(fgraph.toposort(), fgraph.outputs, TABLE, orderings=fgraph.orderings(), **options)


def run_grouped(fgraph: FunctionGraph, grouping: Grouping, inputs: list[Any], shapes: dict[Any, Any]) -> list[Any]:
    """The outputs, with kernels interpreted; ``shapes`` gives a value of the right shape for each variable."""
    values = dict(zip(fgraph.inputs, (np.copy(x) if isinstance(x, np.ndarray) else x for x in inputs), strict=True))
    with np.errstate(all="ignore"):
        for step in grouping.steps:
            if not isinstance(step, Group):
                _perform(step, values)
                continue
            operands = [np.asarray(values[v] if v in values else v.data) for v in step.inputs]
            blank = [np.zeros(np.shape(shapes[v]), v.type.dtype) for v in step.outputs]
            for variable, result in zip(step.outputs, run_group(step, operands, blank), strict=True):
                assert result.dtype == variable.type.dtype
                assert result.shape == np.shape(shapes[variable]), (step, result.shape)
                values[variable] = result
    return [values[v] if v in values else v.data for v in fgraph.outputs]


def check(inputs: list[Any], outputs: list[Any], arguments: list[Any], *, rtol: float = 1e-12, **options: Any) -> Grouping:
    """Assert that the kernels of a graph give what ``perform`` gives, at both granularities; return the kernels."""
    fgraph, grouping = grouped(inputs, outputs, **options)
    expected = reference(fgraph, arguments)
    single = group(fgraph.toposort(), fgraph.outputs, TABLE, granularity="node")
    for kernels in (grouping, single):
        found = run_grouped(fgraph, kernels, arguments, expected)
        for variable, value in zip(fgraph.outputs, found, strict=True):
            right = expected[variable] if not isinstance(variable, Constant) else variable.data
            np.testing.assert_allclose(value, right, rtol=rtol, atol=rtol, err_msg=str(kernels.steps))
    return grouping


def kernels(grouping: Grouping) -> list[Group]:
    """The groups alone."""
    return [step for step in grouping.steps if isinstance(step, Group)]
