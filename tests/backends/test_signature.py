"""The kernel object that a module ends with: what is told of gradients, constants, sizes and batch axes."""

import ast
from types import SimpleNamespace

import numpy as np
import pytest
from sympy import Rational, Symbol

from derive.backends._module import Header, signature
from derive.backends._signature import Numbers, numbers, runtime_imports
from derive.errors import EmitError
from derive.ir.nodes import Program, SizeFrom, Storage
from derive.pipeline import layer
from derive.runtime import Constant, Gradient, Kernel
from tests.runtime import standins

n, r = Symbol("n", integer=True), Symbol("r", integer=True)
HEADER = Header("made", "command", "title", (), (("key", "value"),), ("V",), ())


def program(arguments, result, sources, sizes):
    return Program("direct", "says", arguments, result, sizes, sources, ())


SPREAD = program(
    (Storage("X", (n,), True), Storage("V", ())),
    Storage("H", (2 * r + 1,), True),
    (SizeFrom(n, "X", 0, 1, 0), SizeFrom(r, "H", 0, 2, 1)),
    (n, r),
)
STENCIL = program(
    (Storage("X", (n,), True), Storage("V", (1,)), Storage("K", (2,))),
    Storage("H", (n,), True),
    (SizeFrom(n, "X", 0, 1, 0),),
    (n,),
)
PAIRED = program(
    (Storage("G", (n,), True), Storage("X", (n,), True)), Storage("dV", ()), (SizeFrom(n, "G", 0, 1, 0),), (n,)
)


def made(lines):
    """The kernel that the emitted text makes; the stand-ins' bodies are in scope."""
    scope = {"np": np, "Kernel": Kernel, "Gradient": Gradient, "Constant": Constant, **vars(standins)}
    exec("\n".join(lines), scope)
    return scope["made"]


def test_a_layer_without_extras_says_nothing_of_them():
    text = "\n".join(signature(STENCIL, HEADER, "_stencil", "np"))
    assert not any(word in text for word in ("gradients", "constants", "batched", "told", "repeats", "cotangent"))
    assert runtime_imports({}, {}) == ["from .._runtime import Kernel"]


def test_gradients_and_constants_are_emitted():
    header = Header("made", "command", "title", (), (("key", "value"),), ("V", "K"), ())
    bodies = {"X": ("_stencil_dX", ("V", "K", "G")), "V": ("_stencil_dV", ("X", "K", "G"))}
    constants = {"K": numbers([Rational(-1), Rational(3)], [2])}
    lines = signature(STENCIL, header, "_stencil", "np", ["contiguous=True,"], bodies, constants)
    assert '        "V": Gradient(_stencil_dV, ("X", "K", "G")),' in lines
    assert '        "K": Constant((-1, 3), 1),' in lines
    kernel, arguments = made(lines), ([1, 2, 3], [5], [7, 0, -1])
    assert kernel.arguments == ("X", "V") and kernel.contiguous
    for one, other in zip(kernel.vjp(*arguments), standins.stencil.vjp(*arguments), strict=True):
        assert one.tolist() == other.tolist()
    assert runtime_imports(bodies, constants) == ["from .._runtime import Constant, Gradient, Kernel"]


def test_sizes_that_the_result_tells_are_emitted():
    bodies = {"X": ("_spread_dX", ("V", "G")), "V": ("_spread_dV", ("X", "G"))}
    lines = signature(SPREAD, HEADER, "_spread", "np", gradients=bodies, repeats=n)
    assert "def _sizes(X, V, r):" in lines and '    told={"r": (0, 2, 1)},' in lines
    assert lines[lines.index("def _repeats(n, r):") + 2] == "    return n"
    kernel = made(lines)
    assert kernel([1, 2], 3, r=1).tolist() == [9, 9, 9]
    assert [a.tolist() for a in kernel.vjp([1, 2], 3, [1, 10, 100])] == [[333, 333], 333]
    assert kernel.repeats(n=4, r=1) == 4


def test_batch_axes_and_another_letter_are_emitted():
    header = Header("made", "command", "title", (), (("key", "value"),), ("X",), ())
    bodies = {"G": ("_paired_by", ("X", "Y")), "X": ("_paired_by", ("G", "Y"))}
    lines = signature(PAIRED, header, "_paired", "np", gradients=bodies)
    assert '    batched=("G", "X"),' in lines and '    cotangent="Y",' in lines
    kernel = made(lines)
    assert [a.tolist() for a in kernel.vjp([[1, 2]], [[3, 4]], 10)] == [[[30, 40]], [[10, 20]]]
    with pytest.raises(EmitError, match=r"^Gradients of 'direct' take Y and Z, and one may be new to the layer\.$"):
        signature(PAIRED, header, "_paired", "np", gradients={"G": ("_by", ("Y", "Z"))})


@pytest.mark.parametrize(
    ("values", "shape", "wanted"),
    [
        ([Rational(1, 9)] * 2, [2], Numbers((1, 1), 9)),
        ([Rational(1, 2), Rational(-1, 3)], [2, 1], Numbers(((3,), (-2,)), 6)),
        ([5], [], Numbers(5, 1)),
        ([1, 2, 3, 4, 5, 6], [1, 3, 2], Numbers((((1, 2), (3, 4), (5, 6)),), 1)),
    ],
)
def test_rationals_over_their_least_denominator(values, shape, wanted):
    assert numbers(values, shape) == wanted
    exact = Constant(wanted.numerators, wanted.denominator).exact()
    assert exact.shape == tuple(shape) and [Rational(v) for v in exact.reshape(-1)] == [Rational(v) for v in values]


def test_numbers_fill_their_shape():
    with pytest.raises(EmitError, match=r"^2 numbers don't fill an array of shape \(3,\)\.$"):
        numbers([1, 2], [3])


@pytest.mark.parametrize("shape", [[200], [30, 30], [2, 3, 40], [1]])
def test_long_tables_are_laid_out_on_short_lines(shape):
    values = [Rational(k * k - 50, 7) for k in range(int(np.prod(shape)))]
    header = Header("made", "command", "title", (), (("key", "value"),), ("V", "K"), ())
    constants = {"K": numbers(values, shape)}
    lines = signature(STENCIL, header, "_stencil", "np", constants=constants)
    assert max(map(len, lines)) <= 120
    (call,) = [
        c for c in ast.walk(ast.parse("\n".join(lines))) if getattr(getattr(c, "func", None), "id", "") == "Constant"
    ]
    read = SimpleNamespace(**dict(zip(("numerators", "denominator"), map(ast.literal_eval, call.args), strict=True)))
    assert (read.numerators, read.denominator) == (constants["K"].numerators, constants["K"].denominator)


@pytest.mark.parametrize(
    ("name", "arrows"),
    [
        ("hexagonal2d", "local(hexagon(Δ)) ⟶ equivariant(pointgroup(D6)) ⟶ boundary(zero)"),
        ("conv2d_channels_dV", "boundary(zero) ⟶ gradient(V)"),
        ("average_pool2d", "dense ⟶ channels(C, C) ⟶ reindex ⟶ equivariant(translations) ⟶ local(box(0, 1))"),
    ],
)
def test_a_line_of_arrows_keeps_the_users_letters(name, arrows):
    assert arrows in dict(layer(name).header("numpy").facts)["Derivation"]
