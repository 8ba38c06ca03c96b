"""Forms as equations: the text is pinned, and the SymPy equation means what the form means."""

from importlib import import_module

import numpy as np
import pytest
from sympy import Add, And, Eq, IndexedBase, Or, Sum, Symbol, symbols

from derive.derivation import dense
from derive.forms.denote import denote
from derive.forms.equation import equation, formula, latex_formula, sides
from derive.forms.expr import Read, Where, index
from derive.forms.notation import LATEX, UNICODE
from derive.forms.ranges import write_conditions
from derive.rules.local import local
from derive.rules.reindex import reindex

GAP = " " * 8
FORMULAS = {
    "fully_connected": "H[i] = U[i] + Σ_k W[i, k]·X[k]",
    "dense2d": "H[i, j] = U[i, j] + Σ_k Σ_l W[i, j, k, l]·X[k, l]",
    "offset2d": f"H[i, j] = U[i, j] + Σ_a Σ_b V[i, j, a, b]·X[i + a, j + b]{GAP}0 ≤ i + a < n, 0 ≤ j + b < m",
    "convolution2d": f"H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b]{GAP}0 ≤ i + a < n, 0 ≤ j + b < m",
    "conv2d": f"H[i, j] = u + Σ_a Σ_b V[a, b]·X[i + a, j + b]{GAP}|a|, |b| ≤ Δ, X = 0 outside",
    "conv2d_channels": (
        f"H[i, j, d] = u[d] + Σ_a Σ_b Σ_c V[a, b, c, d]·X[i + a, j + b, c]{GAP}|a|, |b| ≤ Δ, X = 0 outside"
    ),
}
i, j, k, l, a, b, n, m, Delta, C, D = symbols("i j k l a b n m Delta C D", integer=True)


def form_of(name):
    return getattr(import_module(f"derive.catalogue.{name}"), name).form


@pytest.mark.parametrize("name", FORMULAS)
def test_the_formula_is_the_one_that_the_book_would_print(name):
    assert formula(form_of(name)) == FORMULAS[name]


def test_latex_has_the_same_order_of_letters():
    assert latex_formula(form_of("conv2d")) == (
        r"\mathsf{H}_{i, j} = \mathsf{u} + \sum_{a} \sum_{b} \mathsf{V}_{a, b} \mathsf{X}_{i + a, j + b}"
        r" \qquad \lvert a \rvert, \lvert b \rvert \le \Delta, \ \mathsf{X} = 0 \text{ outside}"
    )


def test_locality_before_the_edge_says_both_conditions():
    form = dense(rank=1).then(reindex()).then(local("Delta")).form
    assert formula(form).endswith("|a| ≤ Δ, 0 ≤ i + a < n")


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("dense2d", [(k, 0, n - 1), (l, 0, m - 1)]),
        ("convolution2d", [(a, -i, n - 1 - i), (b, -j, m - 1 - j)]),
        ("conv2d", [(a, -Delta, Delta), (b, -Delta, Delta)]),
    ],
)
def test_the_sums_have_the_bounds_that_are_left_for_each_index(name, limits):
    (total,) = equation(form_of(name)).rhs.atoms(Sum)
    assert [tuple(limit) for limit in reversed(total.limits)] == limits


def test_before_the_edge_rule_the_bounds_meet_window_and_image():
    (total,) = equation(dense(rank=1).then(reindex()).then(local("Delta")).form).rhs.atoms(Sum)
    ((letter, low, high),) = total.limits
    for size, reach, place in np.ndindex(5, 6, 5):
        if place <= size:
            at = {n: size + 1, Delta: reach, i: place}
            ends = max(-reach, -place), min(reach, size - place)
            assert (letter, low.subs(at), high.subs(at)) == (a, *ends)


def test_the_equation_is_made_of_indexed_symbols():
    found = equation(form_of("conv2d"))
    assert isinstance(found, Eq) and found.lhs == IndexedBase("H")[i, j]
    assert {str(s.label) for s in found.rhs.atoms(IndexedBase)} == {"V", "X"}
    assert Symbol("u") in Add.make_args(found.rhs)


@pytest.mark.parametrize("name", ["dense2d", "offset2d", "convolution2d"])
def test_the_equation_evaluates_to_what_the_form_denotes(name):
    form, sizes = form_of(name), {n: 2, m: 3}
    rng = np.random.default_rng(0)
    arrays = {}
    for array in (form.input, *(p.array for p in form.params)):
        shape = tuple(int(e.subs(sizes)) for e in array.shape)
        arrays[array.name] = rng.integers(-9, 10, shape).astype(object)
    boxes = {x.name: x for x in (form.input, *(p.array for p in form.params))}
    total = equation(form).rhs
    want = denote(form, arrays, sizes)
    for place in np.ndindex(2, 3):
        value = total.subs(sizes | dict(zip((i, j), place, strict=True))).doit()
        entries = {}
        for read in value.atoms(IndexedBase(name)[0].func):
            box = boxes[str(read.base.label)]
            at = [int(p - axis.lower.subs(sizes)) for p, axis in zip(read.indices, box.axes, strict=True)]
            entries[read] = arrays[box.name][tuple(at)]
        scalars = {Symbol(x): arrays[x][()] for x in arrays if not boxes[x].axes}
        assert value.subs(entries | scalars) == want[place]


def test_sizes_come_in_the_order_in_which_one_says_them():
    assert UNICODE(2 * C * D * m * n * (2 * Delta + 1) ** 2) == "2·n·m·(2Δ + 1)²·C·D"
    assert UNICODE((2 * m - 1) * (2 * n - 1)) == "(2n - 1)·(2m - 1)"
    assert UNICODE(n**2 * m**2) == "n²·m²" and LATEX(n**2 * m**2) == "n^{2} m^{2}"
    places = Or(And(Eq(a, 2), Eq(b, 1)), And(Eq(a, 1), Eq(b, -2)))
    assert UNICODE(places) == "(a, b) ∈ {(1, -2), (2, 1)}" and UNICODE(Or(Eq(a, 3), Eq(a, 1))) == "a ∈ {1, 3}"
    assert UNICODE(Or(places, Eq(a, n))) == "(a = n) or (a, b) ∈ {(1, -2), (2, 1)}"
    assert LATEX(places) == r"(a, b) \in \{(1, -2), (2, 1)\}"
    assert UNICODE(n - 1 - i) == "n - 1 - i"
    assert UNICODE(n * (n - 1) / 2) == "n·(n - 1)/2" and LATEX(n / 2) == r"\frac{n}{2}"


def test_a_case_is_written_with_its_condition():
    case = Where((-Delta <= a) & (a <= Delta), Read("V", a), 0)
    assert UNICODE(case) == "V[a] where |a| ≤ Δ; 0 otherwise"
    assert LATEX(case).startswith(r"\begin{cases} \mathsf{V}_{a} & \lvert a \rvert \le \Delta \\ 0 &")


def test_a_case_that_cannot_be_is_left_out():
    never = And(a <= -1, a >= 0, evaluate=False)
    assert UNICODE(Where(never, b, Where(a >= 1, a, 0))) == "a where a ≥ 1; 0 otherwise"


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ((i >= 0) & (i <= n - 1), ["0 ≤ i < n"]),
        ((k - i >= 1 - n) & (k - i <= n - 1), ["|k - i| < n"]),
        ((a >= -2) & (a <= 2), ["-2 ≤ a ≤ 2"]),
        (a <= n - 1, ["a < n"]),
        (a >= 3, ["a ≥ 3"]),
        ((n >= 1) & (m >= 1) & (Delta >= 0), ["n, m ≥ 1", "Δ ≥ 0"]),
        (~((i <= n) & (i >= 0)), ["not (0 ≤ i ≤ n)"]),
        (And(i <= -1, i >= 0, evaluate=False), ["never"]),
    ],
)
def test_opposite_bounds_are_one_chain(condition, text):
    letters = [index(name) for name in "ijkla"]
    assert list(write_conditions(condition, letters, UNICODE)) == text


def test_what_another_form_does_not_have_is_marked():
    whole = dense(rank=1).then(reindex())
    near = whole.then(local("Delta"))
    left, right, conditions = sides(near.form, LATEX, beside=whole.form)
    assert (left, right) == sides(whole.form, LATEX)[:2] and "underline" not in left + right
    assert conditions == (r"\underline{\lvert a \rvert \le \Delta}", r"0 \le i + a < n")
    before, after = whole.start, whole.form
    assert sides(before, LATEX, beside=after)[1] == (
        r"\mathsf{U}_{i} + \underline{\sum_{k}} \underline{\mathsf{W}_{i, k}} \underline{\mathsf{X}_{k}}"
    )
    assert sides(before, UNICODE, beside=after) == sides(before, UNICODE)
