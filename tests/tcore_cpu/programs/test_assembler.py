"""Programs of loops: what no round changes stands in front of them."""

from __future__ import annotations

import pytest

from tcore_cpu.native.abi import Failure, Instruction, IntegerFunction
from tcore_cpu.programs.assembler import Assembler


@pytest.fixture
def code():
    """A program whose first slot, a matrix, is set by an instruction of the program itself."""
    made = Assembler()
    made.slot(2, "float64")
    made.emit(Instruction.ALLOC, 0, -1, 2, 0, made.value(0), made.value(0))
    return made


def body(code, emit):
    """The instructions that ``emit`` puts into a loop of the program, as they are in memory, and those that it puts in front of it."""
    counter, end, before = code.register(), code.value(0), len(code.code)
    with code.repeated(counter, end):
        emit(counter)
    assert code.code[-5] == Instruction.REPEAT
    length = -code.code[-1]
    return code.code[-5 - length : -5], code.code[before + 5 : -5 - length]


def test_lengths_and_checks_go_in_front_of_the_loop(code):
    """A matrix that rounds only read: its lengths, sums of them, and checks of those."""

    def emit(counter):
        total = code.arith(IntegerFunction.ADD, code.length(0, 0), code.length(0, 1))
        code.emit(Instruction.CHECK, Failure.SHAPE, 0, 0, 0, total, code.length(0, 0))

    rounds, before = body(code, emit)
    assert rounds == []
    assert before[0] == before[4] == Instruction.DIM
    assert Instruction.CHECK in before


def test_what_follows_from_the_round_stays(code):
    def emit(counter):
        code.arith(IntegerFunction.ADD, counter, counter)
        code.arith(IntegerFunction.MUL, code.value(0), code.value(0))

    rounds, before = body(code, emit)
    assert before == []
    assert [rounds[0], rounds[5], rounds[8], rounds[11]] == [Instruction.ARITH, Instruction.VALUE, Instruction.VALUE, Instruction.ARITH]


def test_what_follows_from_a_routine_stays(code):
    """Routines set registers, such as the number of elements that they found."""

    def emit(counter):
        found = code.register()
        code.emit(Instruction.ROUTINE, 0, 0, 0, 1, found)
        code.arith(IntegerFunction.ADD, found, code.constant(1))

    rounds, before = body(code, emit)
    assert before == []
    assert [rounds[0], rounds[6]] == [Instruction.ROUTINE, Instruction.ARITH]


def test_lengths_of_what_a_round_makes_stay(code):
    """A slot that a round sets in its own way; where a view sets it, its lengths are those of the view."""
    whole, shown = code.slot(2, "float64"), code.slot(1, "float64")

    def emit(counter):
        code.emit(Instruction.PRIVATE, whole, 0)
        length = code.length(whole, 0)
        code.view(shown, whole, [(counter, 0, -1)])
        assert code.length(shown, 0) == counter != length

    rounds, before = body(code, emit)
    assert before == []
    assert [rounds[0], rounds[3]] == [Instruction.PRIVATE, Instruction.DIM]


def test_what_may_be_jumped_over_stays(code):
    """A check that is not made in each round must not fail in front of them."""

    def emit(counter):
        behind = code.jump_unless(counter)
        with code.optional():
            code.emit(Instruction.CHECK, Failure.SHAPE, 0, 0, 0, code.length(0, 0), code.length(0, 1))
        behind()

    rounds, before = body(code, emit)
    assert before == []
    assert rounds[0] == Instruction.JUMP
    assert rounds[2] == len(rounds)
    assert rounds[-7] == Instruction.CHECK


def test_loops_in_loops(code):
    """In front of both, of the inner one, of none; jumps around a loop land where they did."""
    inner = code.register()

    def emit(counter):
        code.length(0, 0)
        own = code.value(0)
        behind = code.jump_unless(counter)
        with code.optional(), code.repeated(inner, own):
            code.length(0, 1)
            code.arith(IntegerFunction.ADD, own, own)
            code.arith(IntegerFunction.ADD, counter, inner)
        behind()

    rounds, before = body(code, emit)
    assert before == [Instruction.DIM, before[1], 0, 0]
    jump = rounds.index(Instruction.JUMP, 3)
    assert jump + rounds[jump + 2] == len(rounds)
    assert rounds[-5:-3] == [Instruction.REPEAT, inner]
    assert rounds[-1] == -5  # only the sum that the counter of the inner loop enters


def test_a_check_of_one_register(code):
    """A length that must be itself needs no check."""
    length = code.length(0, 0)
    before = list(code.code)
    code.emit(Instruction.CHECK, Failure.SHAPE, 0, 0, 0, length, length)
    assert code.code == before
