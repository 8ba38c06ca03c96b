"""Masks and groups of tables: whole orbits are kept, counts equal brute force, and the two orders give one layer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

import derive
from derive import Box, Channels, Cross, Diamond, Mask, Permutations
from derive.checking import check_emitted
from derive.cuda_check import NoCompiler, find_compiler, standing_in_for_cupy
from derive.derivation import Derivation
from derive.errors import DeriveError, RuleRefused
from derive.finite import cyclic, dihedral, monomial, p4, symmetric, wreath
from derive.groups._finite import PermutationGroup, Representation, defining, lost_by, preserving
from derive.making import coq_theorems, make
from derive.pipeline import Layer
from derive.proof.certificate import dumps, verify

Shape = tuple[int, ...]


def ring(size: int, *near: int) -> Mask:
    """The offsets of a ring of so many places: those given, and what they are once around."""
    offsets = [(d + s * size) for d in near for s in (-1, 0, 1)]
    return Mask([d in offsets for d in range(1 - size, size)])


def around(size: int, radius: int) -> Mask:
    """The places within so many steps along the axes of a torus."""
    near = [min(d % size, -d % size) for d in range(1 - size, size)]
    return Mask([[a + b <= radius for b in near] for a in near])


FLIP = PermutationGroup(6, np.array([[5, 4, 3, 2, 1, 0]]))
ODD = monomial([np.diag([-1, 1, 1, 1, 1]).tolist(), np.eye(5, dtype=int)[[0, 4, 3, 2, 1]].tolist()])

# group, sizes of the grid, axes, support
CASES: dict[str, tuple[PermutationGroup | Representation, Shape, Shape | None, object]] = {
    "a ring that turns": (cyclic(5), (5,), None, ring(5, 0, 1)),
    "a ring that turns and flips": (dihedral(6), (6,), None, ring(6, -1, 0, 1)),
    "all that are opposite": (dihedral(6), (6,), None, ring(6, 3)),
    "the diagonal": (symmetric(4), (4,), None, 0),
    "a mirrored line": (FLIP, (6,), None, 2),
    "signs": (ODD, (5,), None, ring(5, -1, 0, 1)),
    "both axes at once": (symmetric(3), (3, 3), (0, 1), Cross(2)),
    "along one axis": (FLIP, (6, 2), (0,), Box((1, 0))),
    "the whole of a grid": (PermutationGroup(6, np.array([[5, 4, 3, 2, 1, 0]])), (2, 3), None, Diamond(1)),
    "blocks": (wreath(cyclic(2), cyclic(2)), (4,), None, 0),
    "p4 of a torus": (p4(3), (3, 3), None, around(3, 1)),
    "everything": (cyclic(4), (4,), None, 3),
}  # fmt: skip


def permutations(name: str) -> Permutations:
    return Permutations(CASES[name][0], CASES[name][2])


def group_first(name: str, **options: object) -> Derivation:
    _, shape, _, support = CASES[name]
    layer = derive.dense(len(shape), outputs=shape, inputs=shape, **options)
    return layer.then(derive.equivariant(permutations(name))).then(derive.local(support))


def mask_first(name: str, **options: object) -> Derivation:
    _, shape, _, support = CASES[name]
    layer = derive.dense(len(shape), outputs=shape, inputs=shape, **options)
    return layer.then(derive.local(support)).then(derive.equivariant(permutations(name)))


def images(name: str) -> list[list[tuple[int, int]]]:
    """For each generator the place and the sign that each place of the grid goes to, from the definition."""
    group, shape, axes, _ = CASES[name]
    codes = defining(group).codes if isinstance(group, PermutationGroup) else group.codes
    found = []
    for row in codes.tolist():
        moved = []
        for place in product(*map(range, shape)):
            points, sign = list(place), 1
            if axes is None:
                code = row[int(np.ravel_multi_index(place, shape))]
                points, sign = list(np.unravel_index(code >> 1, shape)), 1 - 2 * (code & 1)
            for axis in axes or ():
                code = row[place[axis]]
                points[axis], sign = code >> 1, sign * (1 - 2 * (code & 1))
            moved.append((int(np.ravel_multi_index(points, shape)), sign))
        found.append(moved)
    return found


def inside(name: str) -> np.ndarray:
    """Which pairs of places the support joins: by the offsets that it has, one by one."""
    _, shape, _, support = CASES[name]
    places = list(product(*map(range, shape)))
    window = derive.dense(len(shape)).then(derive.reindex()).then(derive.local(support)).form
    letters = list(window.reduction_symbols)
    sizes = dict.fromkeys(window.sizes, 100)
    kept = {}

    def near(offset: tuple[int, ...]) -> bool:
        if offset not in kept:
            at = dict(zip(letters, offset, strict=True)) | dict.fromkeys(window.output.symbols, 50)
            kept[offset] = bool(window.terms.subs({**at, **sizes}))
        return kept[offset]

    return np.array([[near(tuple(b - a for a, b in zip(o, k, strict=True))) for k in places] for o in places])


def brute_force(name: str) -> int:
    """Union-find over signed pairs inside the support: components in which no pair meets its own negative."""
    mask, moves = inside(name), images(name)
    parent = {(int(o), int(k), s): (int(o), int(k), s) for o, k in np.argwhere(mask) for s in (1, -1)}

    def root(node: tuple[int, int, int]) -> tuple[int, int, int]:
        while parent[node] != node:
            node = parent[node]
        return node

    for o, k, s in list(parent):
        for moved in moves:
            (go, a), (gk, b) = moved[o], moved[k]
            parent[root((o, k, s))] = root((go, gk, s * a * b))
    roots = {node: root(node) for node in parent}
    free = {roots[o, k, s] for o, k, s in parent if roots[o, k, s] != roots[o, k, -s]}
    return len(free) // 2


def layer_of(layer: Derivation) -> Layer:
    return Layer("masked", layer, "A masked layer.", "python -m derive emit", "docs")


@pytest.mark.parametrize("first", [group_first, mask_first])
@pytest.mark.parametrize("name", CASES)
def test_counts_equal_brute_force(name: str, first: Callable[[str], Derivation]) -> None:
    layer = first(name)
    assert layer.free_parameters["weight"] == brute_force(name)
    assert all(v.proved for v in layer.verdicts)


def test_brute_force_is_known_where_it_can_be_counted_by_hand() -> None:
    known = {"a ring that turns": 2, "a ring that turns and flips": 2, "all that are opposite": 1, "the diagonal": 1}
    known |= {"p4 of a torus": 2, "everything": 4, "blocks": 1}
    assert {name: brute_force(name) for name in known} == known


@pytest.mark.parametrize("name", CASES)
def test_both_orders_give_one_layer(name: str) -> None:
    one, other = group_first(name), mask_first(name)
    assert one.free_parameters == other.free_parameters
    assert [p.array.shape for p in one.form.params] == [p.array.shape for p in other.form.params]
    assert [p.array.name for p in one.form.params] == [p.array.name for p in other.form.params]
    shape, rest = CASES[name][1], {p.name: p.array for p in one.form.params}
    entries = {n: np.arange(1, 1 + int(np.prod([int(e) for e in a.shape]))) for n, a in rest.items()}
    entries = {n: v.reshape([int(e) for e in rest[n].shape]) for n, v in entries.items()}
    dense = [layer.reference(shape=shape, **entries) for layer in (one, other)]
    assert np.array_equal(dense[0][0], dense[1][0]) and np.array_equal(dense[0][1], dense[1][1])
    W = dense[0][0].reshape(2 * [int(np.prod(shape))])
    assert not W[~inside(name)].any()
    for moved in images(name):
        at, signs = np.array([p for p, _ in moved]), np.array([s for _, s in moved])
        assert np.array_equal(W[np.ix_(at, at)] * signs[:, None] * signs, W)


BOTH_ORDERS = ("signs", "along one axis", "blocks")  # by day; the dense layers of all are one, see above


def orders():
    for name, first in product(CASES, (group_first, mask_first)):
        seldom = first is mask_first and name not in BOTH_ORDERS
        yield pytest.param(name, first, marks=pytest.mark.nightly if seldom else ())


@pytest.mark.parametrize(("name", "first"), list(orders()))
def test_kernels_equal_the_dense_layer(name: str, first: Callable[[str], Derivation]) -> None:
    layer = layer_of(first(name))
    assert layer.backends == ("cupy", "numpy")
    check_emitted(layer)


@pytest.mark.parametrize("first", [group_first, mask_first])
def test_channels_stay(first: Callable[..., Derivation]) -> None:
    layer = first("a ring that turns", channels=Channels((("c", "C"),), (("d", "D"),)))
    assert str(layer.free_parameters["weight"]) == "2*C*D" and all(v.proved for v in layer.verdicts)
    check_emitted(layer_of(layer))


@pytest.mark.parametrize("name", ["a ring that turns", "signs", "both axes at once"])
def test_text_for_gpus_computes_the_same(name: str) -> None:
    try:
        find_compiler()
    except NoCompiler as cause:
        pytest.skip(str(cause))
    layer, shape = group_first(name), CASES[name][1]
    draw = np.random.default_rng(0)
    weights = [draw.integers(-9, 9, [int(e) for e in p.array.shape]).astype(float) for p in layer.form.params]
    X = draw.integers(-9, 9, (2, *shape)).astype(float)
    wanted = layer.compile()
    with standing_in_for_cupy() as module:
        kernel, given = layer.compile("cupy"), [module.asarray(a) for a in (X, *weights)]
        H = kernel(*given)
        assert np.array_equal(module.asnumpy(H), wanted(X, *weights))
        slopes = zip(kernel.vjp(*given, H), wanted.vjp(X, *weights, wanted(X, *weights)), strict=True)
        assert all(np.array_equal(module.asnumpy(one), other) for one, other in slopes)


@pytest.mark.parametrize("first", [group_first, mask_first])
def test_pages_and_certificates(first: Callable[[str], Derivation], tmp_path: object) -> None:
    layer = layer_of(first("a ring that turns and flips"))
    page = next(text for file, text in make(layer).files.items() if file.endswith(".md"))
    assert "2 free weights" in page
    (tmp_path / "masked.json").write_text(dumps(layer.derivation.certificate()))
    verify(tmp_path / "masked.json")
    assert "Theorem" in coq_theorems(layer).text


def test_a_mask_after_a_mask() -> None:
    layer = group_first("everything")
    both = layer.then(derive.local(ring(4, 0, 1, 2))).then(derive.local(ring(4, 0, 2)))
    assert [d.free_parameters["weight"] for d in (layer, both)] == [4, 2] and all(v.proved for v in both.verdicts)
    check_emitted(layer_of(both))
    nothing = both.then(derive.local(ring(4, 3)))
    assert nothing.form.vanishes and nothing.free_parameters["weight"] == 0
    check_emitted(layer_of(nothing))


def test_what_comes_after_a_mask() -> None:
    layer = group_first("p4 of a torus").then(derive.unbiased())
    check_emitted(layer_of(layer.then(derive.adjoint())))
    check_emitted(layer_of(layer.then(derive.gradient("weight"))))


def all_of(group: PermutationGroup) -> list[np.ndarray]:
    return list(group.elements())


@pytest.mark.parametrize(
    ("group", "support"),
    [
        (symmetric(4), ring(4, 1)), (symmetric(5), ring(5, -1, 0, 1)), (symmetric(4), 1), (dihedral(5), 1), (cyclic(4), 2),
        (dihedral(6), Mask([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])),
    ],
)  # fmt: skip
def test_the_largest_subgroup_is_that_of_all_elements_that_keep_the_mask(
    group: PermutationGroup, support: object
) -> None:
    size = group.degree
    layer = derive.dense(1, outputs=size, inputs=size).then(derive.local(support)).form
    letters = (*layer.output.symbols, *layer.input.symbols)
    pairs = np.array(
        [
            [bool(layer.domain.subs(dict(zip(letters, p, strict=True)))) for p in product([o], range(size))]
            for o in range(size)
        ]
    )
    act = defining(group)
    kept = preserving(act, act, pairs)
    wanted = [e for e in all_of(group) if np.array_equal(pairs[np.ix_(e, e)], pairs)]
    assert kept is not None and kept.order == len(wanted) < group.order
    own = PermutationGroup(size, np.array([images for _, images in kept.generators]).reshape(-1, size))
    assert own.order == len(wanted) and all(e in own for e in wanted)
    assert lost_by(act, act, pairs) == [
        g for g, e in enumerate(group.generators) if not np.array_equal(pairs[np.ix_(e, e)], pairs)
    ]


@pytest.mark.parametrize(
    ("make_layer", "says"),
    [
        (lambda: ties(dihedral(5), derive.local(1), first=False),
         r"the support is kept by a subgroup of order 2 \(\(0 4\)\(1 3\)\), not by generator 1: "
         r"\(H\[3\], X\[4\]\) is inside and \(H\[4\], X\[0\]\) is not"),
        (lambda: ties(symmetric(5), derive.local(ring(5, -1, 0, 1)), first=False), r"kept by a subgroup of order 10 \(g2, "),
        (lambda: ties(cyclic(4), derive.local(1), first=False), "kept by the identity alone, not by generator 1"),
        (lambda: ties(dihedral(5), derive.local(1)),
         r"the pairs \(i, k\) = \(0, 1\) and \(0, 4\) have one weight by a symmetry stated before, "
         r"and only \(0, 1\) is in radius 1; the support must be kept by the symmetry, "
         r"of which it keeps a subgroup of order 2 \(\(0 4\)\(1 3\)\)"),
        (lambda: ties(symmetric(12), derive.local(1), size=12), "of which it keeps a subgroup that has too many cosets to list"),
        (lambda: ties(cyclic(4), derive.local("Delta")), "restricts a table at numeric sizes; 'Delta' is a symbol"),
        (lambda: ties(cyclic(4), derive.local(Diamond(1), )).then(derive.local(0)), "must be kept by the symmetry"),
        (lambda: derive.dense(1, outputs=3, inputs=3, channels=Channels((("c", 3),), (("d", 3),))).then(
            derive.grouped("d", "c")).then(derive.equivariant(Permutations(cyclic(3)))), "tie the weights of a dense layer"),
    ],
)  # fmt: skip
def test_refusals(make_layer: Callable[[], object], says: str) -> None:
    with pytest.raises(DeriveError, match=says):
        make_layer()


def ties(group: PermutationGroup, local: object, first: bool = True, size: int | None = None) -> Derivation:
    size = size or group.degree
    steps = [derive.equivariant(Permutations(group)), local]
    layer = derive.dense(1, outputs=size, inputs=size)
    for step in steps if first else steps[::-1]:
        layer = layer.then(step)
    return layer


def test_orders_refuse_the_same_masks() -> None:
    for first in (True, False):
        with pytest.raises(RuleRefused):
            ties(dihedral(6), derive.local(2), first)
        assert ties(dihedral(6), derive.local(0), first).free_parameters["weight"] == 1
