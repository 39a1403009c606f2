"""MRG31k3p as it was published, step by step in Python's integers."""

import pytest

from tcore.tensor.random.mrg31k3p import M1, M2


@pytest.fixture(scope="session")
def steps():
    """``steps(state, count)``: the numbers z, and the state after them."""

    def run(state, count):
        x, y, numbers = [int(v) for v in state[:3]], [int(v) for v in state[3:]], []
        for _ in range(count):
            x = [(2**22 * x[1] + (2**7 + 1) * x[2]) % M1, *x[:2]]
            y = [(2**15 * y[0] + (2**15 + 1) * y[2]) % M2, *y[:2]]
            numbers.append((x[0] - y[0]) % M1 or M1)
        return numbers, x + y

    return run
