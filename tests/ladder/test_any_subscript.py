"""Places that no slice names: edges that continue the input, products of weights, arrays of numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from itertools import islice, product

import numpy as np
import pytest
from sympy import Expr

import derive
from derive.algorithms._obligations import program_obligations
from derive.checking import exact_arrays, run_body, run_exactly, small_sizes
from derive.errors import NoLowering
from derive.forms.denote import denote
from derive.ir.nodes import Gather, Loop, Program, Scatter, walk
from derive.lowering import gradients, lower, proof_of, slopes
from derive.proof.solver import discharge_all
from derive.rules.boundary import boundary
from derive.rules.compose import compose
from derive.rules.fixed import fixed
from derive.rules.separable import separable
from derive.rules.unbiased import unbiased
from tests.ladder.numbers import same
from tests.ladder.slopes import BATCH, directions, linear_part, pairing
from tests.ladder.subjects import has_compiler
from tests.lazily import Lazily


@cache
def signal():
    return derive.dense(rank=1).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


@cache
def image():
    return derive.dense(rank=2).then(derive.reindex()).then(derive.equivariant(derive.Translations()))


@cache
def window():
    return signal().then(derive.local("Delta"))


@cache
def square():
    return image().then(derive.local(1))


EDGES = ("periodic", "reflect", "symmetric", "nearest")
EDGED = Lazily({edge: lambda edge=edge: window().then(boundary(edge)) for edge in EDGES})
SUBJECTS = Lazily(
    {
        **{edge: partial(EDGED.__getitem__, edge) for edge in EDGES},
        **{
            f"{edge}, strided": lambda edge=edge: window().then(boundary(edge)).then(derive.strided(2))
            for edge in EDGES
        },
        "reflect on images": lambda: square().then(boundary("reflect")).then(derive.channels()),
        "nearest, turned": lambda: window().then(boundary("nearest")).then(derive.adjoint()),
        "valid": lambda: window().then(boundary("valid")),
        "laplacian": lambda: square().then(boundary("zero")).then(fixed([[0, 1, 0], [1, -4, 1], [0, 1, 0]])),
        "average": lambda: (
            square().then(boundary("valid")).then(fixed([[1] * 3] * 3, scale="1/9")).then(derive.channels())
        ),
        "separable": lambda: image().then(derive.local("Delta")).then(boundary("zero")).then(separable(2)),
        "composed": lambda: (
            window()
            .then(boundary("valid"))
            .then(compose(signal().then(derive.local("Gamma")).then(boundary("valid")).then(unbiased())))
        ),
    }
)


@pytest.fixture(params=SUBJECTS)
def layer(request: pytest.FixtureRequest) -> derive.Derivation:
    return SUBJECTS[request.param]


@pytest.mark.parametrize("target", ["arrays", "threads"])
def test_programs_are_proved_for_all_sizes(layer: derive.Derivation, target: str) -> None:
    found = slopes(layer.form)
    programs = gradients(layer.form, target, found)
    assert set(programs) == {slope.by for slope in found} >= {p.name for p in layer.form.params if not p.data}
    assert all(v.proved for v in proof_of(layer.form, target))
    assert all(v.proved for _, verdicts in programs.values() for v in verdicts)


def test_bodies_are_their_forms(layer: derive.Derivation) -> None:
    kernel, form = layer.compile().kernel, layer.form
    for seed, sizes in enumerate(islice(small_sizes(form), 4)):
        arrays = exact_arrays(form, sizes, seed)
        assert same(run_exactly(kernel, form, arrays, sizes), denote(form, arrays, sizes))
        for slope in slopes(form):
            letter = slope.form.input.name
            given = {**arrays, letter: exact_arrays(slope.form, sizes, seed + 1)[letter]}
            made = kernel.gradients[slope.by]
            got = run_body(made.body, made.arrays, slope.form, given, sizes)
            assert same(got, denote(slope.form, given, sizes)), (slope.by, sizes)


@pytest.mark.parametrize("name", ["reflect on images", "nearest, strided", "periodic"])
def test_vjp_is_the_derivative(name: str) -> None:
    made = SUBJECTS[name]
    form, kernel = made.form, made.compile().kernel
    for seed, sizes in enumerate(islice(small_sizes(form), 3)):
        drawn, changes = directions(form, sizes, BATCH, seed), directions(form, sizes, BATCH, seed + 1)
        found = kernel.vjp(*(drawn[n] for n in kernel.arguments), drawn[form.output.name])
        for by, slope in zip(kernel.arguments, found, strict=True):
            gained = linear_part(kernel, drawn, by, changes[by], sizes)
            assert pairing(drawn[form.output.name], gained) == pairing(slope, changes[by])


@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler to run CUDA text with")
@pytest.mark.parametrize("name", ["reflect on images", "symmetric, strided", "separable", "laplacian"])
def test_cuda_text_gives_what_numpy_gives(name: str) -> None:
    from derive.cuda_check import standing_in_for_cupy

    made = SUBJECTS[name]
    host = made.compile().kernel
    with standing_in_for_cupy() as cupy:
        kernel = made.compile("cupy").kernel
        for seed, sizes in enumerate(islice(small_sizes(made.form), 2)):
            drawn = {n: a.astype(np.float64) for n, a in directions(made.form, sizes, BATCH, seed).items()}
            given = [drawn[n] for n in (*kernel.arguments, made.form.output.name)]
            for got, wanted in zip(kernel.vjp(*map(cupy.asarray, given)), host.vjp(*given), strict=True):
                assert np.array_equal(got.get(), wanted)


@pytest.mark.parametrize(("name", "by"), list(product(EDGED, ["forward", "X", "V"])))
def test_no_loop_runs_over_places(name: str, by: str) -> None:
    """The copy is made along the axis at once, and the window's offsets are all that loops."""
    form = SUBJECTS[name].form
    (window,) = (s for p in form.weights for e in p.array.shape for s in e.free_symbols)
    found = {slope: made for slope, (made, _) in gradients(form, "arrays", slopes(form)).items()}
    program = lower(form, "arrays") if by == "forward" else found[by]
    loops = [node.range for node in walk(program.body) if isinstance(node, Loop)]
    assert all((r.start.free_symbols | r.stop.free_symbols) <= {window} for r in loops)
    kinds = {type(node) for node in program.body} & {Gather, Scatter}
    assert kinds == ({Scatter} if by == "X" else {Gather})


def _placed(node: Gather | Scatter, place: Expr) -> Gather | Scatter:
    return replace(node, places=(place,)) if isinstance(node, Gather) else replace(node, place=place)


def _faults(program: Program) -> list[Program]:
    """Each copy along an axis with a wrong place, a wrong range, or left out."""
    made = []
    for position, node in enumerate(program.body):
        if isinstance(node, (Gather, Scatter)):
            (span,) = node.over
            (place,) = node.places
            for changed in (
                _placed(node, place.xreplace({span.symbol: span.symbol + 1})),
                _placed(node, span.symbol),
                replace(node, over=(replace(span, start=span.start - 1, stop=span.stop - 1),)),
                replace(node, over=(replace(span, stop=span.stop - 1),)),
                replace(node, source=node.target),
                None,
            ):
                rest = () if changed is None else (changed,)
                made.append(replace(program, body=(*program.body[:position], *rest, *program.body[position + 1 :])))
    return made


@pytest.mark.parametrize("name", [*EDGES, "reflect on images"])
def test_a_faulty_copy_is_refused(name: str) -> None:
    form = SUBJECTS[name].form
    cases = [(lower(form, "arrays"), form)]
    cases += [(gradients(form, "arrays", slopes(form))[s.by][0], s.form) for s in slopes(form) if s.by in ("X", "V")]
    for program, own in cases:
        faults = _faults(program)
        assert len(faults) >= 6
        for faulty in faults:
            try:
                kept = all(v.proved for v in discharge_all(program_obligations(faulty, own)))
            except NoLowering:
                kept = False
            assert not kept, faulty.body
