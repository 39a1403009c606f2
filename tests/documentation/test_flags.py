"""Flags of the documentation that change what building, optimizing and compiling do; its lines in the names."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import config, scalar
from tcore.compile import backends
from tcore.compile import mode as mode_module
from tcore.compile.mode import Mode
from tcore.configuration import Config, ConfigFrozenError
from tcore.configuration.sources import rc_paths, read_sources
from tcore.gpuarray import contexts
from tcore.gpuarray.runtime import DeviceError
from tcore.graph import FunctionGraph, floating
from tcore.graph.destroyhandler import DestroyHandler
from tcore.graph.errors import InconsistencyError
from tcore.optimizer import TopoOptimizer, local_optimizer
from tcore.plugins.errors import UnknownNameError
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.upcasts import Float64Error
from tcore.testing.backends import unavailable


@pytest.fixture
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def configured(flags: str) -> Config:
    """A configuration that knows these flags alone."""
    return Config(config.options.values(), read_sources({"TCORE_FLAGS": flags, "TCORERC": ""}))


class TestWarnFloat64L13369:
    """``warn_float64``: what happens when a float64 variable is made."""

    def test_raise(self):
        """The error names the user's line; float32 is fine."""
        x, n = T.fvector("x"), T.lvector("n")
        with config.change_flags(warn_float64="raise"):
            x + 1
            x * np.float32(2)
            with pytest.raises(Float64Error, match=r"TensorType\(float64, vector\).*test_flags.py.*x \+ n"):
                x + n
            with pytest.raises(Float64Error):
                T.dscalar()

    def test_warn(self):
        """A warning, and the variable."""
        with config.change_flags(warn_float64="warn"), pytest.warns(UserWarning, match="float64"):
            assert T.dscalar().type.dtype == "float64"

    @pytest.mark.usefixtures("no_warnings")
    def test_ignore_and_compilation(self):
        """Silent by default; what optimizations make is not the user's."""
        T.dscalar()
        x = T.dvector("x")
        y = T.exp(x) * 2 + x
        with config.change_flags(warn_float64="raise"):
            f = tcore.function([x], y)
        np.testing.assert_allclose(f([0.0]), [2.0])


class TestIntDivisionL13468:
    """``int_division``: what ``x / y`` means for integers."""

    @pytest.mark.parametrize("floatX", ["float32", "float64"])
    def test_floats(self, floatX):
        """True division, in floatX."""
        with config.change_flags(floatX=floatX, int_division="floatX"):
            quotient = T.ivector("a") / T.ivector("b")
        assert quotient.type.dtype == floatX

    def test_raise(self):
        """Refused, with three ways out that work."""
        a, b = T.ivector("a"), T.ivector("b")
        with config.change_flags(int_division="raise"):
            for refused in (lambda: a / b, lambda: a / 2, lambda: 2 / a):
                with pytest.raises(TypeError, match=r"use // for an integer result, cast an operand to floats, or call tcore.tensor.true_div"):
                    refused()
            assert (a // b).type.dtype == "int32"
            assert (a / T.fvector()).type.dtype.startswith("float")
            assert (a.astype("float32") / T.cast(b, "float32")).type.dtype == "float32"
            assert T.true_div(a, b).type.dtype == config.floatX


class WrongShape(tcore.Op):
    """An op with an ``infer_shape`` that fails, or gives too many shapes."""

    __props__ = ("how",)
    itypes = [T.dvector]
    otypes = [T.dvector]

    def __init__(self, how):
        self.how = how

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0][1:]

    def infer_shape(self, node, shapes):
        if self.how == "fails":
            raise KeyError("lost")
        return [shapes[0], shapes[0]]


@pytest.mark.parametrize("how", ["fails", "too many"])
def test_on_shape_error_L13658(how):
    """A failing ``infer_shape``: a warning, and the shape of the value; or an error that names the node."""
    x = T.dvector("x")
    shape = WrongShape(how)(x).shape
    mode = Mode("py", "fast_run")
    with pytest.warns(UserWarning, match=r"infer_shape of WrongShape.*on_shape_error=raise"):
        f = tcore.function([x], shape, mode=mode)
    assert f([1.0, 2.0, 3.0]).tolist() == [2]
    for other in ("warn", "raise", "ignore"):
        with config.change_flags(on_shape_error="raise", on_opt_error=other), pytest.raises((KeyError, ValueError)) as caught:
            tcore.function([x], shape, mode=mode)
        assert any("raised by infer_shape of WrongShape" in note for note in caught.value.__notes__)


def test_shapes_that_cannot_be_told_are_no_error():
    """ShapeError means that the value must be computed."""

    class Unknown(WrongShape):
        def infer_shape(self, node, shapes):
            raise T.ShapeError

    x = T.dvector("x")
    with config.change_flags(on_shape_error="raise"):
        f = tcore.function([x], Unknown("")(x).shape, mode=Mode("py", "fast_run"))
    assert f([1.0, 2.0, 3.0]).tolist() == [2]


@pytest.mark.parametrize("detection", ["regular", "fast"])
def test_cycle_detection_L13425(detection):
    """``regular`` moves a destroyer behind a later reader; ``fast`` does not look for that, and refuses."""
    x, y = T.dvector("x"), T.dvector("y")
    a = T.exp(x)
    doubled = a * 2
    late = a + T.tanh(T.sinh(T.cosh(y)))
    graph = FunctionGraph([x, y], [doubled, late], features=[DestroyHandler()], clone=False)
    over_a = Elemwise(scalar.mul, {0: 0})(*doubled.owner.inputs)
    with config.change_flags(cycle_detection=detection):
        if detection == "fast":
            with pytest.raises(InconsistencyError):
                graph.replace_validate(doubled, over_a)
        else:
            graph.replace_validate(doubled, over_a)
            order = graph.toposort()
            assert order.index(late.owner) < order.index(over_a.owner)


def test_fast_cycle_detection_L13425():
    """Whole functions compiled so give the right numbers."""
    x = T.dvector("x")
    a = T.exp(x)
    b = T.dot(a, T.ones((3, 3)))
    with config.change_flags(cycle_detection="fast"):
        f = tcore.function([x], [a * 2, b + a, T.tanh(b)], mode=Mode("py", "fast_run").excluding("fusion"))
    e = np.exp([1.0, 2.0, 3.0])
    for got, wanted in zip(f([1.0, 2.0, 3.0]), (e * 2, e.sum() + e, np.tanh(np.full(3, e.sum()))), strict=True):
        np.testing.assert_allclose(got, wanted)
    assert any(node.op.destroy_map for node in f.maker.fgraph.toposort())


class TestReading:
    def test_windows_L13294(self, monkeypatch):
        """There the personal file may end in ``.txt``, which editors add."""
        monkeypatch.setattr("sys.platform", "win32")
        assert [path.replace("\\", "/").rpartition("/")[2] for path in rc_paths({})] == [".tcorerc", ".tcorerc.txt"]
        assert rc_paths({"TCORERC": "mine"}) == ["mine"]

    def test_several_files_L13309(self, monkeypatch, tmp_path):
        """The system's file first, the personal one last; each option from the last file that has it, relative names from here."""
        (tmp_path / "system").write_text("[global]\nfloatX = float32\nmode = FAST_COMPILE\n[scan]\ndebug = True\n")
        (tmp_path / ".tcorerc").write_text("[global]\nfloatX = float16\n[scan]\nallow_gc = True\n")
        monkeypatch.chdir(tmp_path)
        found = Config(config.options.values(), read_sources({"TCORERC": f"{tmp_path}/system:~/none:.tcorerc"}))
        assert (found.floatX, found.mode, found.scan.debug, found.scan.allow_gc) == ("float16", "FAST_COMPILE", True, True)

    def test_sections_are_printed_L13259(self):
        """``print(config)`` shows what is in effect; a section prints itself; what depends on the machine is worked out."""
        found = configured("floatX=float32,gpuarray.preallocate=0.5")
        assert "gpuarray.preallocate (" in str(found)
        assert "Value:  0.5" in str(found.gpuarray)
        assert "floatX" not in str(found.gpuarray)

    @pytest.mark.parametrize("device", ["cpu", "cuda", "cuda0", "cuda1", "opencl0:0", "opencl0:1", "opencl"])
    def test_device_L5070_L13319_L13343(self, device):
        """In lower case; fixed for the run. The same names start a device that is not the default."""
        found = configured(f"device={device},init_gpu_device={'' if device == 'cpu' else device}")
        assert found.device == device
        with pytest.raises(ConfigFrozenError):
            found.device = "cuda7"
        with pytest.raises(ValueError, match="in lower case"):
            _ = configured(f"device={device.upper()}").device
        with pytest.raises(ValueError, match="in lower case"):
            _ = configured("init_gpu_device=Cuda0").init_gpu_device
        assert configured("").init_gpu_device == ""

    def test_old_name_of_devices_L52(self):
        """No package has a device ``gpu``; the message says which there are."""
        with pytest.raises(UnknownNameError, match=r"no installed package has a device 'gpu'; installed are: .*opencl"):
            contexts.open_device("gpu")


class TestDefaultMode:
    """Flags of the default mode: those that are frozen are given to a configuration of its own."""

    @staticmethod
    def ops(monkeypatch, flags):
        monkeypatch.setattr(mode_module, "config", configured(flags))
        x = T.dvector("x")
        f = tcore.function([x], T.exp(T.dot(T.ones((3, 3)), x)) * 2 + 1, mode=mode_module.get_mode(None))
        np.testing.assert_allclose(f([0.0, 0.0, 0.0]), 3.0)
        return " ".join(str(node.op) for node in f.maker.fgraph.toposort())

    def test_including_L13840(self, monkeypatch):
        assert "Composite" not in self.ops(monkeypatch, "linker=py,optimizer=fast_compile")
        assert "Composite" in self.ops(monkeypatch, "linker=py,optimizer=fast_compile,optimizer_including=inplace:fusion")

    def test_requiring_L13848(self, monkeypatch):
        assert "Composite" in self.ops(monkeypatch, "linker=py,optimizer=fast_run")
        assert "Composite" not in self.ops(monkeypatch, "linker=py,optimizer=fast_run,optimizer_requiring=stabilize")

    def test_optimizer_L13632(self, monkeypatch):
        """``None`` leaves the graph as it is written."""
        assert self.ops(monkeypatch, "linker=py,optimizer=None").count("no_inplace") >= 3

    @pytest.mark.parametrize("linker", ["c|py", "py", "c|py_nogc", "vm", "cvm_nogc"])
    def test_linker_L13624(self, monkeypatch, linker):
        monkeypatch.setattr(mode_module, "config", configured(f"linker={linker},optimizer=o1"))
        assert mode_module.get_mode(None).provided_linker == linker

    def test_verbose_L13856(self, capsys):
        """Each rewrite that is applied, on stdout."""
        x = T.dvector("x")
        tcore.function([x], T.neg(T.neg(x)), mode=Mode("py", "fast_run"))
        assert capsys.readouterr().out == ""
        with config.change_flags(optimizer_verbose=True):
            tcore.function([x], T.neg(T.neg(x)), mode=Mode("py", "fast_run"))
        assert "local_mul_canonizer Elemwise{mul,no_inplace}.0 x" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("linker", ["vm", "cvm", "py", "c|py"])
def test_allow_gc_L13385(linker, kept):
    """The default of linkers that do not say by name: intermediate results go at once, or stay for the next call."""
    x = T.dvector("x")
    with config.change_flags(allow_gc=not kept, backend="numpy"):
        f = tcore.function([x], T.exp(x) + 1, mode=Mode(linker, None))
    f([0.0])
    (cell,) = (f.fn.storage_map[node.outputs[0]] for node in f.maker.fgraph.apply_nodes if "exp" in str(node.op))
    assert (cell[0] is not None) is kept
    assert f.fn.allow_gc is not kept


@pytest.mark.parametrize("floatX", ["float64", "float32", "float16"])
def test_floatx_L13361(floatX):
    """The dtype of constructors without one, and of Python floats where they have a choice."""
    with config.change_flags(floatX=floatX):
        made = [T.scalar(), T.vector(), T.row(), T.col(), T.matrix(), T.tensor3(), T.tensor4()]
        assert {variable.type.dtype for variable in made} == {floatX}
        if floatX == "float32":
            assert (T.vector() * 0.1).type.dtype == floatX


@pytest.mark.parametrize("policy", ["off", "ignore", "warn", "raise"])
def test_values_during_optimization_L14014(policy):
    """``compute_test_value_opt``: a rule that makes wrong shapes fails where it makes them."""
    x = T.dvector("x")
    x.tag.test_value = np.ones(2)

    @local_optimizer([T.exp])
    def local_wrong(node):
        return [T.dot(node.inputs[0], T.ones((3, 3)))]

    with config.change_flags(compute_test_value_opt=policy, on_opt_error="raise"):
        build = lambda: tcore.function([x], T.exp(x), mode=Mode("py", TopoOptimizer(local_wrong)))  # noqa: E731
        if policy == "off":
            build()
        else:
            with pytest.raises(ValueError, match="Shape mismatch: x has 2 elements"):
                build()


class TestFloatingPointErrorsL13940:
    """``numpy.seterr_*``: what ops that NumPy computes do."""

    @pytest.fixture
    def run(self, monkeypatch):
        def run(flags, build, value):
            monkeypatch.setattr(floating, "config", configured(flags))
            floating._settings.cache_clear()
            x = T.dvector("x")
            with config.change_flags(backend="numpy"):
                return tcore.function([x], build(x), mode=Mode("py", None))([value])

        yield run
        floating._settings.cache_clear()

    CASES = {
        "divide": (lambda x: 1 / x, 0.0, "L13958"),
        "over": (lambda x: x * x, 1e200, "L13968"),
        "under": (lambda x: x * x, 1e-200, "L13978"),
        "invalid": (lambda x: T.sqrt(x), -1.0, "L13988"),
    }

    @pytest.mark.parametrize(("kind", "build", "value"), [pytest.param(k, b, v, id=f"{k}_{n}") for k, (b, v, n) in CASES.items()])
    @pytest.mark.usefixtures("no_warnings")
    def test_one_kind(self, run, kind, build, value):
        """Each kind by itself, over what ``seterr_all`` says (L13944: nothing, by default)."""
        run("", build, value)
        for flags in (f"numpy.seterr_{kind}=raise", "numpy.seterr_all=raise", f"numpy.seterr_all=None,numpy.seterr_{kind}=raise"):
            with pytest.raises(FloatingPointError):
                run(flags, build, value)
        with pytest.warns(RuntimeWarning):
            run(f"numpy.seterr_{kind}=warn", build, value)
        run(f"numpy.seterr_all=raise,numpy.seterr_{kind}=ignore", build, value)

    def test_all_L13944(self, run, capfd):
        """``print`` prints; None leaves NumPy's own setting, and changes nothing outside of calls."""
        before = np.geterr()
        run("numpy.seterr_all=print", self.CASES["divide"][0], 0.0)
        assert "divide by zero" in "".join(capfd.readouterr())
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            run("numpy.seterr_all=None", self.CASES["divide"][0], 0.0)
        assert np.geterr() == before


class TestDevices:
    """``force_device`` and ``print_active_device``."""

    @pytest.fixture
    def use(self, monkeypatch):
        def use(flags):
            monkeypatch.setattr(backends, "config", configured(flags))
            monkeypatch.setattr(backends, "_warned", set())
            monkeypatch.setattr(contexts, "config", configured(flags))
            monkeypatch.setattr(contexts, "_contexts", {})
            contexts.open_device.cache_clear()
            return backends

        yield use
        contexts.open_device.cache_clear()

    @pytest.mark.parametrize(("device", "reason"), [("nosuch0", "no installed package has a device 'nosuch'"), ("opencl99:0", "OpenCL")])
    def test_unusable_device_L13325_L13331(self, use, device, reason):
        """One warning that says why, and the CPU; an error where ``force_device`` insists."""
        usual = use("").current_backend()
        module = use(f"device={device}")
        with pytest.warns(UserWarning, match=f"the device {device} cannot be used, so functions run on the CPU: .*{reason}.*force_device=True"):
            assert module.current_backend() is usual
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert module.device_in_use() == "cpu"
        module = use(f"device={device},force_device=True")
        assert module.device_in_use() == device
        with pytest.raises((UnknownNameError, DeviceError), match=reason):
            contexts.get_context()

    def test_switched_off_L13331(self, use):
        """``force_device`` with ``device=cpu``: no device is opened, whoever asks."""
        use("force_device=True")
        for ask in (lambda: contexts.get_context("opencl0:0"), lambda: contexts.open_device("cuda0")):
            with pytest.raises(DeviceError, match="switched off by the flags force_device=True and device=cpu"):
                ask()

    @pytest.mark.skipif(unavailable("opencl") is not None, reason=str(unavailable("opencl")))
    def test_active_device_L13353(self, use, capsys):
        """Name, device and what it is, once, when a device is first used; nothing where the flag is off."""
        use("device=opencl0:0,contexts=one->opencl0:0")
        for name in (None, None, "one", "opencl0:0"):
            context = contexts.get_context(name)
        lines = capsys.readouterr().err.splitlines()
        assert [line.partition(": ")[0] for line in lines] == ["Mapped name None to device opencl0:0", "Mapped name one to device opencl0:0"]
        assert all(context.description in line for line in lines)
        use("device=opencl0:0,print_active_device=False")
        contexts.get_context()
        assert capsys.readouterr().err == ""
        assert backends.device_in_use() == "opencl0:0"

    @pytest.mark.skipif(unavailable("opencl") is not None, reason=str(unavailable("opencl")))
    def test_started_but_not_the_default_L13343(self, use):
        """``init_gpu_device`` moves neither work nor shared variables."""
        module = use("init_gpu_device=opencl0:0,print_active_device=False")
        assert contexts.get_context().device_name == "opencl0:0"
        assert module.device_in_use() == "cpu"
        assert module.current_backend() is None or module.current_backend().name == "cpu"


@pytest.mark.skipif(unavailable("opencl") is not None, reason=str(unavailable("opencl")))
@pytest.mark.parametrize("deterministic", ["default", "more"])
def test_same_bits_in_every_run_L13377_L13383(deterministic):
    """Devices add in a fixed order where indices repeat, whatever the flag says: float32 sums that depend on the order agree to the bit."""
    x, rows = T.fvector("x"), T.lvector("rows")
    rng = np.random.default_rng(5)
    values = (rng.standard_normal(600) * 10.0 ** rng.integers(-4, 5, 600)).astype("float32")
    places = rng.integers(0, 3, 600)
    with config.change_flags(backend="opencl", deterministic=deterministic):
        f = tcore.function([x, rows], T.inc_subtensor(T.zeros((3,), "float32")[rows], x) * np.float32(1))
    assert any("Gpu" in str(node.op) and "IncSubtensor" in str(node.op) for node in f.maker.fgraph.apply_nodes)
    runs = {f(values, places).tobytes() for _ in range(4)}
    assert len(runs) == 1
    expected = np.zeros(3, "float32")
    np.add.at(expected, places, values)
    np.testing.assert_allclose(np.frombuffer(runs.pop(), "float32"), expected, rtol=1e-4)
