"""Arrays from files and between processes."""

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile import Mode
from tcore.graph import Variable, generic
from tcore.link.vm import VMLinker
from tcore.tensor import io
from tcore.tensor.io import mpi

# ------------------------------------------------------------------------------------------------------------- files


@pytest.fixture
def stored(tmp_path):
    """``stored(array)``: the path of a file that holds it."""

    def store(array):
        path = tmp_path / "stored-array.npy"
        np.save(path, array)
        return str(path)

    return store


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
@pytest.mark.parametrize("mmap_mode", [None, "c"])
def test_load_L25014_L25024_L25028(stored, mmap_mode):
    """The documentation's example, read into memory and mapped; what the file holds is asked at each call."""
    path = Variable(generic)
    x = io.load(path, "int64", (False,), mmap_mode=mmap_mode)
    f = tcore.function([path], x * 2)
    np.testing.assert_array_equal(f(stored(np.arange(5))), [0, 2, 4, 6, 8])
    np.testing.assert_array_equal(f(stored(np.arange(3))), [0, 2, 4])


def test_a_text_is_a_path_that_is_not_read_beforehand(stored):
    """A constant path is no constant array."""
    f = tcore.function([], io.load(stored(np.arange(3.0)), "float64", (False,)).sum(), mode="FAST_COMPILE")
    assert f() == 3
    stored(np.arange(5.0))
    assert f() == 10


def test_a_mapped_file_is_never_written(stored):
    """Work in place changes the map in memory alone."""
    path = stored(np.zeros(3))
    x = io.load(path, "float64", (False,), mmap_mode="c")
    f = tcore.function([], T.inc_subtensor(x[1], 5.0))
    for _ in range(2):
        np.testing.assert_array_equal(f(), [0, 5, 0])
    np.testing.assert_array_equal(np.load(path), [0, 0, 0])


def test_what_load_refuses_L25014_L25024(stored, tmp_path, evaluate):
    """Modes that write, paths that are none; files that hold something else."""
    for mode in ("r", "r+", "w+"):
        with pytest.raises(ValueError, match=f"mmap_mode is None .* or 'c' .* got '{mode.replace('+', '.')}'"):
            io.load("x", "int64", (False,), mmap_mode=mode)
    with pytest.raises(TypeError, match="the path of a file as a Generic variable or a text"):
        io.load(T.dvector(), "int64", (False,))
    path = stored(np.arange(3))
    with pytest.raises(TypeError, match="holds an array of dtype int64, load was told float64"):
        evaluate(io.load(path, "float64", (False,)))
    with pytest.raises(TypeError, match=r"shape \(3,\), which does not fit the broadcast pattern \(False, False\)"):
        evaluate(io.load(path, "int64", (False, False)))
    with pytest.raises(TypeError, match=r"shape \(3,\), which does not fit the broadcast pattern \(True,\)"):
        evaluate(io.load(path, "int64", (True,)))
    with pytest.raises(FileNotFoundError, match="absent"):
        evaluate(io.load(str(tmp_path / "absent.npy"), "int64", (False,)))
    np.savez(tmp_path / "several.npz", np.arange(3))
    with pytest.raises(TypeError, match="holds several arrays"):
        evaluate(io.load(str(tmp_path / "several.npz"), "int64", (False,)))
    with pytest.raises(ValueError, match="allow_pickle"):
        evaluate(io.load(stored(np.array([None, 1], dtype=object)), "int64", (False,)))


def test_load_has_no_gradient_L24946():
    """It says so to whom it is asked by; ops are equal by what they were told."""
    op = io.LoadFromDisk("int64", (False,))
    assert op == io.LoadFromDisk(np.int64, [0]) == pickle.loads(pickle.dumps(op))
    (gradient,) = op.grad([Variable(generic)], [T.dvector()])
    assert "a path is no number" in gradient.type.why_null


# --------------------------------------------------------------------------------------------------------- processes


class Wire:
    """A communicator of one process with itself, which notes what happens."""

    def __init__(self):
        self.sent = {}
        self.log = []

    def Isend(self, data, dest, tag):
        assert data.flags.c_contiguous
        self.log.append(f"send {tag}")
        self.sent[tag] = data.copy()
        return Request(self, f"sent {tag}")

    def Irecv(self, data, source, tag):
        self.log.append(f"receive {tag}")
        return Request(self, f"received {tag}", lambda: np.copyto(data, self.sent[tag]))


class Request:
    """What is waited for."""

    def __init__(self, wire, text, act=lambda: None):
        self.wire, self.text, self.act = wire, text, act

    def wait(self):
        self.act()
        self.wire.log.append(self.text)


@pytest.fixture
def wire(monkeypatch):
    """In the place of MPI."""
    made = Wire()
    monkeypatch.setattr(mpi, "communicator", lambda: made)
    return made


def scheduled():
    """A mode whose order of work suits transfers."""
    return Mode(linker=VMLinker(schedule=io.mpi_schedule))


def test_order_of_transfers_L25038_L25046_L25050(wire):
    """Transfers start before other work, the lower tag first, and are waited for after it."""
    x = T.dmatrix("x")
    received = io.recv((3, 2), "float64", source=0, tag=11)
    sent = io.send(x.T, dest=0, tag=11)
    other = io.send(x.sum(), dest=0, tag=12)
    f = tcore.function([x], [received * 2, sent, other], mode=scheduled())
    a = np.arange(6.0).reshape(2, 3)
    got, done, other_done = f(a)
    np.testing.assert_array_equal(got, 2 * a.T)
    assert done is True
    assert other_done is True
    assert wire.log == ["receive 11", "send 11", "send 12", "received 11", "sent 11", "sent 12"]
    order = io.mpi_schedule(f.maker.fgraph)
    place = {node: position for position, node in enumerate(order)}
    assert all(place[v.owner] < place[node] for node in order for v in node.inputs if v.owner is not None)


def test_keys_L25006_L25010_L25042():
    """Waits sort last, starts first, and ties by tag."""
    x = T.dvector()
    request, data = io.isend(x, 1, 5)
    arrived = io.irecv((2,), "float32", 1, 4)
    nodes = [io.MPISendWait(5)(request, data).owner, io.MPIRecvWait(4)(*arrived).owner, (x + 1).owner, request.owner, arrived[0].owner]
    assert [io.mpi_send_wait_key(node) for node in nodes] == [1, 1, 0, -1, -1]
    assert [io.mpi_tag_key(node) for node in nodes] == [5, 4, 0, 5, 4]
    assert arrived[1].type == T.fvector
    assert [str(node.op) for node in nodes[3:]] == ["MPISend{dest: 1, tag: 5}", "MPIRecv{source: 1, tag: 4, shape: (2,), dtype: float32}"]


def test_equal_transfers_are_two(wire):
    """Two that look alike are two messages, not one that is used twice; a constant is sent at each call."""
    a, b = (io.recv((2,), "float64", 0, 7) for _ in range(2))
    sent = io.send(T.as_tensor_variable(np.ones(2)), 0, 7)
    f = tcore.function([], [sent, a, b], mode=scheduled())
    f()
    f()
    assert sorted(wire.log) == sorted(2 * ["send 7", "sent 7", *2 * ["receive 7", "received 7"]])


def test_ops_of_transfers_L24958_L24970_L24982_L24994():
    """Starts and waits, by destination or source and by tag; none has a gradient."""
    x = T.dvector()
    send, receive = io.MPISend(dest=0, tag=1), io.MPIRecv(source=0, tag=1, shape=(2,), dtype="float64")
    request, data = send(x)
    arriving = receive()
    waits = [io.MPISendWait(tag=1)(request, data), io.MPIRecvWait(tag=1)(*arriving)]
    assert [each.owner.op.tag for each in (request, arriving[0], *waits)] == [1, 1, 1, 1]
    assert waits[1].type == T.dvector
    for op, inputs in ((send, [x]), (io.MPISendWait(1), [request, data]), (io.MPIRecvWait(1), list(arriving))):
        assert all(hasattr(g.type, "why_null") or g.type.__class__.__name__ == "DisconnectedType" for g in op.grad(inputs, [None, None]))


def test_refusals_of_transfers():
    """What is no request; gradients; no MPI on this machine."""
    x = T.dvector()
    with pytest.raises(TypeError, match="a request is what isend and irecv give first"):
        io.MPISendWait(1)(x, x)
    (gradient,) = io.MPISend(0, 1).grad([x], [None, None])
    assert "what other processes compute is not known here" in gradient.type.why_null


def test_without_mpi(monkeypatch):
    """The message says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "mpi4py.MPI", None)
    with pytest.raises(ImportError, match="pip install mpi4py"):
        mpi.communicator()
