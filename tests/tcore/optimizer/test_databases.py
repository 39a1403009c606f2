"""Databases and queries."""

import io

import pytest

from tcore.graph import FunctionGraph
from tcore.optimizer import (
    EquilibriumDB,
    EquilibriumOptimizer,
    GlobalRewrite,
    LocalGroupDB,
    MergeOptimizer,
    OpSub,
    ProxyDB,
    Query,
    SeqOptimizer,
    SequenceDB,
    Stage,
    TopoDB,
    TopoOptimizer,
    in2out,
    optdb,
    register_rewrites,
    rewrite,
)
from tcore.scalar import add, exp, float64, mul, neg


def named(name, op1=add, op2=mul):
    rule = OpSub(op1, op2)
    rule.name = name
    return rule


def test_query_chooses_by_tags_L10454_L10466():
    """At least one included, all required, none excluded; names are tags; queries are values."""
    db = EquilibriumDB()
    db.register("one", named("one"), "a", "b")
    db.register("two", named("two"), "a")
    db.register("three", named("three"), "c")

    def names(query):
        return [str(rule) for rule in db.query(query).get_local_optimizers()]

    base = Query(include=["a", "c"])
    assert names(base) == ["one", "two", "three"]
    assert names(base.excluding("b")) == ["two", "three"]
    assert names(base.requiring("b")) == ["one"]
    assert names(base.excluding("two")) == ["one", "three"]
    assert names(Query(include=["three"])) == ["three"]
    assert names(base) == ["one", "two", "three"]
    assert [str(r) for r in db.query("+a", "-b").get_local_optimizers()] == ["two"]
    with pytest.raises(TypeError, match="string"):
        Query(include="a")


def test_names_are_unique():
    """A second claim on a name is an error that names both."""
    db = EquilibriumDB()
    db.register("rule", named("rule"), "a")
    with pytest.raises(ValueError, match="'rule' is registered in .* twice: by tcore and by plug"):
        db.register("rule", named("rule"), "a", origin="plug")
    with pytest.raises(TypeError, match="holds optimizers"):
        db.register("other", 3)
    with pytest.raises(KeyError, match="nothing is registered"):
        db["unknown"]


def test_sequence_order_L10434():
    """By position, then after-relations, then registration; a cutoff ends it; the ends have names."""
    db = SequenceDB()
    for name, position, after in (("c", 2, ()), ("b", 1.5, ()), ("a", 1, ()), ("x", 2, ("y",)), ("y", 2, ())):
        db.register(name, in2out(named(name)), position, "t", after=after)
    db.register("end", in2out(named("end")), "last", "t")
    db.register("start", in2out(named("start")), "first", "t")
    query = Query(include=["t"])
    assert [o.name for o in db.query(query)] == ["start", "a", "b", "c", "y", "x", "end"]
    cut = Query(include=["t"], position_cutoff=1.5)
    assert [o.name for o in db.query(cut)] == ["start", "a", "end"]
    more = query.register((in2out(named("extra")), 1.2))
    assert [o.name for o in db.query(more)][2] == "extra"
    db.register("bad", in2out(named("bad")), 1, "t", after=("c",))
    with pytest.raises(ValueError, match="must come after 'c'"):
        db.query(query)


def test_nested_databases_get_the_query_L10436_L10462():
    """Or a query of their own."""
    inner = EquilibriumDB()
    outer = SequenceDB()
    outer.register("inner", inner, 1, "a", "b")
    inner.register("one", named("one"), "a")
    inner.register("two", named("two"), "b")
    (built,) = outer.query(Query(include=["a"]))
    assert isinstance(built, EquilibriumOptimizer)
    assert [str(rule) for rule in built.get_local_optimizers()] == ["one"]
    (built,) = outer.query(Query(include=["a"], subquery={"inner": Query(include=["b"])}))
    assert [str(rule) for rule in built.get_local_optimizers()] == ["two"]


def test_places_are_those_of_the_outer_sequence():
    """Neither further members nor a cutoff reach into a sequence inside: its positions are its own."""
    inner, outer = SequenceDB(), SequenceDB()
    outer.register("inner", inner, 1, "t")
    inner.register("late", in2out(named("late")), 20, "t")
    extra = in2out(named("extra"))
    built = outer.query(Query(["t"], position_cutoff=5).register((extra, 3)))
    assert [str(each) for each in built] == ["inner", "extra"]
    assert [str(each) for each in built[0]] == ["late"]


def test_other_databases():
    """Groups become one rule, TopoDB a navigator, a proxy the other database."""
    group = LocalGroupDB()
    group.register("late", named("late", exp, neg), "t")
    group.register("early", named("early", add, mul), "t", position=1)
    rule = group.query("+t")
    assert [str(r) for r in rule.opts] == ["early", "late"]
    walk = TopoDB(group).query("+t")
    assert isinstance(walk, TopoOptimizer)
    assert isinstance(ProxyDB(group).query("+t"), type(rule))


def test_plugins_take_part_only_where_asked():
    """The order of core rules does not depend on what plugins registered; theirs follow, by name."""
    db = EquilibriumDB()
    db.register("core1", named("core1"), "t")
    db.register("z", named("z"), "t", origin="plug")
    db.register("core2", named("core2"), "t")
    db.register("a", named("a"), "t", origin="plug")
    query = Query(include=["t"])

    def names(q):
        return [str(rule) for rule in db.query(q).get_local_optimizers()]

    assert names(query) == ["core1", "core2", "a", "z"]
    assert names(query.with_origins(())) == ["core1", "core2"]
    assert query.with_origins(["plug"]).key() != query.key()


def test_documented_positions():
    """The stages stand where the documentation has them."""
    for name, position in (
        ("merge1", 0), ("canonicalize", 1), ("merge1.2", 1.2), ("stabilize", 1.5), ("specialize", 2), ("uncanonicalize", 3),
        ("merge2", 49), ("add_destroy_handler", 49.5), ("merge3", 100),
    ):  # fmt: skip
        assert optdb.position_of(name) == position
    assert isinstance(optdb.query(Query(include=["fast_run"])), SeqOptimizer)
    text = io.StringIO()
    optdb.query(Query(include=["fast_compile"])).print_summary(text)
    assert "canonicalize" in text.getvalue()
    optdb.print_summary(text)


def test_rewrites_register_as_a_whole():
    """All records of a group, or none."""
    db = SequenceDB()
    stage = db.register("canonicalize", EquilibriumDB(), 1, "fast_run")

    @rewrite(Stage.CANONICALIZE, tracks=[add], tags=("mine",))
    def local_add_to_mul(node):
        """add(x, y) -> mul(x, y)"""
        return [mul(*node.inputs)]

    assert local_add_to_mul.summary == "add(x, y) -> mul(x, y)"
    with pytest.raises(TypeError, match="holds Rewrite"):
        register_rewrites(db, [local_add_to_mul, "nonsense"])
    assert "local_add_to_mul" not in stage
    register_rewrites(db, [local_add_to_mul, GlobalRewrite("merge", MergeOptimizer(), 0, ("fast_run",))], tags=("all",))
    assert stage.tags_of("local_add_to_mul") >= {"fast_run", "mine", "all"}
    x, y = float64("x"), float64("y")
    graph = FunctionGraph([x, y], [add(x, y)])
    db.query(Query(include=["fast_run"])).optimize(graph)
    assert str(graph) == "[mul(x, y)]"


def test_tags_change():
    """Tags are added and taken; a tag finds its only member, in ``[]`` and in ``in``."""
    db = EquilibriumDB()
    one = db.register("one", named("one"), "a")
    db.register("two", named("two"), "a")
    db.add_tags("one", "b", "c")
    db.remove_tags("one", "c")
    assert db["b"] is one
    assert "b" in db
    assert "c" not in db
    assert db.names() == ["one", "two"]
    with pytest.raises(KeyError, match="tag of several members of EquilibriumDB: one, two"):
        db["a"]
    with pytest.raises(KeyError, match="nothing is registered as 'c'"):
        db["c"]
    with pytest.raises(KeyError, match="nothing is registered as 'three'"):
        db.add_tags("three", "a")


def test_what_a_database_refuses():
    """Each error says what was given."""
    db = EquilibriumDB()
    with pytest.raises(TypeError, match="names and tags are strings, got 3 for 'one'"):
        db.register("one", named("one"), 3)
    with pytest.raises(ValueError, match="either a final optimizer or a cleanup"):
        db.register("one", MergeOptimizer(), final_opt=True, cleanup=True)
    with pytest.raises(TypeError, match="a number, 'first' or 'last', got 'middle'"):
        SequenceDB().register("one", MergeOptimizer(), "middle")
    with pytest.raises(TypeError, match="a number or 'last', got 'first'"):
        LocalGroupDB().register("one", named("one"), position="first")
    with pytest.raises(TypeError, match="stands for a database"):
        ProxyDB(MergeOptimizer())
    with pytest.raises(TypeError, match=r"start with '\+', '&' or '-', got 'a'"):
        db.query("a")


def test_where_in_place_groups_come_L10545():
    """A group of in-place rules is refused before the destroy handler, also inside of a TopoDB, and the message names the place."""
    sequence = SequenceDB()
    sequence.register("add_destroy_handler", MergeOptimizer(), 50, "x")
    group = LocalGroupDB()
    sequence.register("early", TopoDB(group), 49, "x")
    with pytest.raises(ValueError, match=r"'rule' has the tag 'inplace' and would stand at 49 in SequenceDB"):
        group.register("rule", named("rule"), "inplace")
    late = LocalGroupDB()
    sequence.register("late", TopoDB(late), 51, "x")
    late.register("rule", named("rule"), "inplace")
    assert late.names() == ["rule"]


def test_text_of_queries_and_databases():
    """What a reader of a log needs."""
    assert str(Query(["b", "a"], exclude=["c"])) == "Query{inc=['a', 'b'],ex=['c'],require=[],subquery={},position_cutoff=inf}"
    db = EquilibriumDB()
    db.register("one", named("one"), "z", "a")
    out = io.StringIO()
    db.print_summary(out)
    assert out.getvalue() == f"EquilibriumDB  (id {id(db)})\n  one: a, one, z\n"


def test_part_without_a_tag():
    """Where a query excludes a tag that has an exact part, that part takes the place; a name that is excluded excludes both."""
    db = EquilibriumDB()
    whole, part = named("rule"), named("part")
    db.register("rule", whole, "all", "assume_finite", without={"assume_finite": part})
    assert db.query(Query(["all"])).local_optimizers == [whole]
    assert db.query(Query(["all"], exclude=["assume_finite"])).local_optimizers == [part]
    assert db.query(Query(["all"], exclude=["assume_finite", "rule"])).local_optimizers == []
    assert db.query(Query(["all"], require=["assume_finite"])).local_optimizers == [whole]
    assert db.query(Query(["other"], exclude=["assume_finite"])).local_optimizers == []


def test_members_that_wait_for_each_other():
    """Are named."""
    db = SequenceDB()
    for name, after in (("a", "b"), ("b", "a"), ("c", None)):
        db.register(name, MergeOptimizer(), 1, "x", after=[after] if after else [])
    with pytest.raises(ValueError, match="these wait for each other: a, b"):
        db.query(Query(["x"]))


def test_further_optimizers_of_a_query_behind_the_cutoff():
    """Are left out, as members are."""
    query = Query(["x"], position_cutoff=5).register((MergeOptimizer(), 4), (MergeOptimizer(), 5))
    assert len(SequenceDB().query(query)) == 1
