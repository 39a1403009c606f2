"""The documentation's pages on loading and saving, and ``misc.pkl_utils``; its lines in the names."""

from __future__ import annotations

import base64
import io
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.misc import pkl_utils
from tcore.misc.pkl_utils import CompatUnpickler, PersistentNdarrayID, StripPickler, dump, load


def test_several_objects_in_one_file_L5672_L5632(tmp_path):
    """Pickled one after another, they come back in the same order."""
    x = T.dmatrix("x")
    objects = [tcore.shared(np.arange(3.0), name="w"), x * 2, T.dmatrix]
    with (tmp_path / "objects.save").open("wb") as f:
        for each in objects:
            pickle.dump(each, f, protocol=pickle.HIGHEST_PROTOCOL)
    with (tmp_path / "objects.save").open("rb") as f:
        w, y, kind = [pickle.load(f) for _ in objects]
    np.testing.assert_array_equal(w.get_value(), [0, 1, 2])
    assert y.owner.op == T.mul
    assert kind == T.dmatrix


class Model:
    """Keeps ``W`` and ``b``; its data set stays out of pickles."""

    def __init__(self):
        self.W = tcore.shared(np.ones((2, 3)), name="W")
        self.b = tcore.shared(np.zeros(3), name="b")
        self.training_set = object()

    def __getstate__(self):
        return (self.W, self.b)

    def __setstate__(self, state):
        self.W, self.b = state


class Renamed(Model):
    """The later version of it."""

    def __setstate__(self, state):
        self.weights, self.bias = state


def test_old_files_after_renaming_L5737(monkeypatch):
    """What ``__getstate__`` gave can be read under new names."""
    data = pickle.dumps(Model(), protocol=pickle.HIGHEST_PROTOCOL)
    monkeypatch.setattr(sys.modules[__name__], "Model", Renamed)
    loaded = pickle.loads(data)
    assert (loaded.weights.name, loaded.bias.name) == ("W", "b")
    assert not hasattr(loaded, "training_set")


def test_values_without_the_library_L5720_L5729(tmp_path):
    """``numpy.load`` gives the values of shared variables in a process that never imports tcore."""
    path = tmp_path / "model.zip"
    with path.open("wb") as f:
        dump(Model(), f)
    program = (
        "import sys, numpy\n"
        f"model = numpy.load({str(path)!r})\n"
        "print(model['W'].tolist(), model['b'].tolist(), 'tcore' in sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True).stdout
    assert out == "[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]] [0.0, 0.0, 0.0] False\n"
    with path.open("rb") as f:
        np.testing.assert_array_equal(load(f).W.get_value(), np.ones((2, 3)))


def test_member_names_L18305(tmp_path):
    """Names of shared variables, ``_2`` for the second of one name, ``array_0`` for what has none."""
    foo_1 = tcore.shared(0, name="foo")
    foo_2 = tcore.shared(1, name="foo")
    with (tmp_path / "model.zip").open("wb") as f:
        dump((foo_1, foo_2, np.array(2)), f)
    members = np.load(tmp_path / "model.zip")
    assert list(members.keys()) == ["foo", "foo_2", "array_0", "pkl"]
    assert members["foo"] == np.array(0)
    with (tmp_path / "model.zip").open("rb") as f:
        foo_1, foo_2, array = load(f)
    assert (foo_1.get_value(), foo_2.get_value()) == (0, 1)
    assert array == np.array(2)


def written(obj, **kwargs):
    buffer = io.BytesIO()
    dump(obj, buffer, **kwargs)
    buffer.seek(0)
    return buffer


def test_names_never_clash_L18307():
    """A variable named like the pickle, like a numbered one, or without name."""
    names = ["pkl", "foo", "foo", "foo_2", None]
    values = [tcore.shared(np.float64(k), name=name) for k, name in enumerate(names)]
    file = written(values)
    assert zipfile.ZipFile(file).namelist() == ["pkl_2", "foo", "foo_2", "foo_2_2", "array_0", "pkl"]
    assert [each.get_value() for each in load(file)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_is_kept_L18285(protocol):
    """Identity of arrays, dtypes, order in memory, empty and 0-d arrays, arrays of objects; graphs with their constants."""
    shared_array = np.arange(6.0).reshape(2, 3)
    arrays = [shared_array, shared_array, np.zeros((0, 3), ">i4"), np.array(True), np.asfortranarray(shared_array), np.array([None, "a"])]
    x = T.dvector("x")
    loaded, y = load(written((arrays, x * np.array([1.0, 2.0])), protocol=protocol))
    assert loaded[0] is loaded[1]
    for got, wanted in zip(loaded, arrays, strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)
    assert loaded[4].flags.f_contiguous
    np.testing.assert_array_equal(y.eval({y.owner.inputs[0]: [3.0, 4.0]}), [3.0, 8.0])


def test_same_content_same_bytes():
    """A file has no time of its own."""
    value = {"a": np.arange(3)}
    assert written(value).getvalue() == written(value).getvalue()


def test_persistent_id_L18295():
    """Another rule for what goes into files of its own; the default of ``load`` reads arrays under any names."""
    w = tcore.shared(np.arange(2.0), name="w")
    file = written(w, persistent_id=PersistentNdarrayID)
    assert zipfile.ZipFile(file).namelist() == ["array_0", "pkl"]
    assert load(file).get_value().tolist() == [0, 1]
    texts = {}

    def keep_texts(zip_file):
        return lambda obj: texts.setdefault(str(len(texts)), obj) and str(len(texts) - 1) if isinstance(obj, str) and obj == "big" else None

    file = written(["big", 1], persistent_id=keep_texts)
    assert load(file, persistent_load=lambda zip_file: texts.__getitem__) == ["big", 1]


def test_wrong_files_L18295(tmp_path):
    """Text mode, no ZIP file, and a ZIP file of somebody else are named."""
    with (tmp_path / "text").open("w") as f, pytest.raises(TypeError, match="binary mode"):
        dump(1, f)
    with pytest.raises(ValueError, match="no file of pkl_utils.dump"):
        load(io.BytesIO(b"plain"))
    other = io.BytesIO()
    np.savez(other, a=np.zeros(2))
    with pytest.raises(ValueError, match="no member 'pkl'"):
        load(other)


def test_strip_pickler_L18331():
    """Traces, test values and what is named are left out, everywhere in the graph; the graph itself is kept."""
    x = T.dvector("x")
    x.tag.test_value = np.arange(3.0)
    x.tag.mine = 1
    inner = T.exp(x)
    inner.tag.mine = inner.tag.kept = 2
    outputs = [inner * 2]
    file = io.BytesIO()
    StripPickler(file, protocol=-1, extra_tag_to_remove=["mine"]).dump({"inputs": [x], "outputs": outputs, "updates": []})
    loaded = pickle.loads(file.getvalue())
    (new_x,), (out,) = loaded["inputs"], loaded["outputs"]
    new_inner = next(v for v in out.owner.inputs if v.owner is not None and v.owner.op == T.exp)
    assert new_inner.owner.inputs == [new_x]
    for variable in (new_x, new_inner, out):
        assert not {"trace", "test_value", "mine"} & set(vars(variable.tag))
    assert new_inner.tag.kept == 2
    assert x.tag.mine == 1


def test_compat_unpickler_L18349():
    """An array that Python 2 wrote."""
    numbers = np.array([1.5, -2.0])
    data = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01K\x02\x85cnumpy\ndtype\nq\x04"
        b"U\x02f8K\x00K\x01\x87Rq\x05(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x10" + numbers.astype("<f8").tobytes() + b"tb."
    )
    np.testing.assert_array_equal(CompatUnpickler(io.BytesIO(data), encoding="latin1").load(), numbers)
    np.testing.assert_array_equal(pkl_utils.CompatUnpickler(io.BytesIO(pickle.dumps(numbers))).load(), numbers)


#: what `dump` wrote on Python 3.11: {"weights": arange(3.0), "names": ["a", "b"], "steps": 7}, with pickle protocol 2
ARCHIVE = (
    "P)h>@EdT%j2mk;8Apj&H;Vb|D|NsC0|NjR76aZmza$$L2FaZD%0GI#(00000089V?000000GsR=>KhQr$WX>mt)7xvoLr=CrJ!z;W}&X5pq`drR8o|f7oT60k_r-cOUx-w1&SAEBo?Fs"
    "`5MMLnmP)#3KRe?1{CnY9?Eb408mQ<1QY-O00;m803iT8qJvdQ0000~000030001RYiw&^sx4&Dh+t=6U?@+`OwTAOE@TAr5{rrwE8`6cnF1qNf!w^r+|=Si=Ga0OjR;1NbRjF4PAX(e"
    "1uG~nNi8TYWcOw-)dK)fO928c11$gm00;m803iS*A>k`b0001(0000700000000000001h0RR910AX@+VR>ILP)h*<6ay3h000O8001EXJfeeDNdN!<Q~&?~0{{R30000000000fB}U7"
    "003}nY*0%D1^@s600IC40A>IH0Pg?*0000"
)


def test_files_survive_L5727():
    """A file that an earlier version wrote is read; NumPy reads its arrays without tcore."""
    file = io.BytesIO(base64.b85decode(ARCHIVE))
    loaded = load(file)
    np.testing.assert_array_equal(loaded.pop("weights"), [0.0, 1.0, 2.0])
    assert loaded == {"names": ["a", "b"], "steps": 7}
    file.seek(0)
    np.testing.assert_array_equal(np.load(file)["array_0"], [0.0, 1.0, 2.0])
