"""From a form to its programs: its own, and one for each gradient, all proved.

The gradient by X is the adjoint, and those by weights and biases collect the same terms by the entry that they read. Each is a
transformation of the layer's form, proved as any step, and its program runs in the letters of the layer's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import lru_cache, partial
from typing import Any

from sympy import Expr, Integer, S, Symbol, expand

from derive.algorithms._designs import blocked
from derive.algorithms._obligations import program_obligations
from derive.algorithms._proved import proved
from derive.algorithms._supposed import obligations
from derive.algorithms._terms import BATCH, charts
from derive.algorithms._ways import WAYS, Way
from derive.algorithms.direct import direct
from derive.backends._module import needed
from derive.backends._signature import Numbers, numbers
from derive.errors import EmitError, NoLowering, ObligationFailed, RuleRefused
from derive.forms.expr import reads, rename_arrays
from derive.forms.form import Form
from derive.forms.polyhedron import NotAffine
from derive.forms.products import sums
from derive.forms.sizes import size_sources
from derive.ir.blocks import Blocked
from derive.ir.nodes import Chart, Program, SizeFrom, Storage
from derive.ir.stages import Staged
from derive.ir.tiles import Tiled
from derive.proof.goal import Verdict
from derive.proof.obligations import step_obligations
from derive.proof.solver import discharge_all
from derive.proof.step import Step, View
from derive.registry import find, names
from derive.remembered import replaced
from derive.rules._rule import Application
from derive.rules.adjoint import adjoint
from derive.rules.gradient import gradient

__all__ = [
    "Gradient",
    "batched",
    "blocked",
    "by_algorithm",
    "constants",
    "gradients",
    "in_blocks",
    "lower",
    "proof_of",
    "repeats",
    "slopes",
    "staged",
    "staged_gradients",
    "terms",
    "told",
    "unfit",
]

ALGORITHMS = tuple(name for name in names("derive.algorithms") if name != "direct")  # of programs in stages

_OWN = (
    "I"  # the input, while a rule that calls the gradient by the result G is at work: a layer may have a G of its own
)


@dataclass(frozen=True)
class Gradient:
    """The gradient by one array, as a form whose input is the gradient by the result, and letters to run it in."""

    by: str
    form: Form
    charts: tuple[Chart, ...]
    items: frozenset[str]
    verdicts: tuple[Verdict, ...]

    def at(self, values: Mapping[Symbol, Expr]) -> Gradient:
        """The gradient with sizes replaced, by numbers or by other sizes."""

        def fixed(pairs: tuple[tuple[Symbol, Expr], ...]) -> tuple[tuple[Symbol, Expr], ...]:
            return tuple((s, replaced(e, dict(values))) for s, e in pairs)

        found = tuple(Chart(fixed(chart.down), fixed(chart.up)) for chart in self.charts)
        return replace(self, form=self.form.at(values), charts=found)


def batched(form: Form) -> frozenset[str]:
    """The arrays with an entry for each item of a batch: the input with the output; or with the data that a gradient multiplies."""
    data = {p.name for p in form.weights if p.data and p.values is None}
    return frozenset({form.input.name, *(data or {form.output.name})})


def constants(form: Form) -> dict[str, Numbers]:
    """The arrays of numbers that the form brings along. Raises EmitError for one whose shape is not in numbers."""
    found = {}
    for param in form.params:
        if param.values is not None:
            if not all(isinstance(e, Integer) for e in param.array.shape):
                raise EmitError(f"The array of numbers {param.name} has a size that is no number.")
            found[param.name] = numbers(param.values, [int(e) for e in param.array.shape])
    return found


def repeats(form: Form) -> Expr:
    """How often one output uses one entry of the weights at most: as often as the letters turn that the entry doesn't tell."""
    if form.vanishes:
        return S.One
    left = list(form.reduction)
    arrays = {p.name for p in form.weights}
    waiting = [e for r in reads(form.weight) if r.array in arrays for e in r.subscripts]
    while True:
        symbols = {a.symbol for a in left}
        alone = [(e, e.free_symbols & symbols) for e in waiting]
        told = {s for e, here in alone if len(here) == 1 for s in here if _tells(e, s)}
        if not told:
            break
        left = [a for a in left if a.symbol not in told]
    return expand(S.One * _product(a.extent for a in left))


def _tells(subscript: Expr, symbol: Symbol) -> bool:
    """Whether a subscript differs for different values of a letter."""
    step = subscript.coeff(symbol)
    return isinstance(step, Integer) and step != 0 and symbol not in expand(subscript - step * symbol).free_symbols


def _product(extents: Any) -> Expr:
    total: Expr = S.One
    for extent in extents:
        total *= extent
    return total


@lru_cache(maxsize=256)
def slopes(form: Form) -> tuple[Gradient, ...]:
    """The gradients that the rules can state, proved, in the order of the layer's arguments.

    A rule's refusal leaves a gradient out: the kernel then says that it has none. Raises ObligationFailed where a proof fails.
    """
    wanted = [(form.input.name, adjoint()), *((p.name, gradient(p.name)) for p in form.params if p.values is None)]
    found = (_slope(form, by, application) for by, application in wanted)
    return tuple(slope for slope in found if slope is not None)


def _slope(form: Form, by: str, application: Application) -> Gradient | None:
    asked = replace(form, input=replace(form.input, name=_OWN)) if by != form.input.name else form
    try:
        step = application.apply(asked)
    except RuleRefused:
        return None
    verdicts = discharge_all(step_obligations(step))
    if failed := [v for v in verdicts if not v.proved]:
        raise ObligationFailed(f"The gradient by {by} fails its obligation '{failed[0].obligation.name}'.")
    known, given = batched(form), _letter(form)
    output, source = replace(step.after.output, name=f"d{by}"), replace(step.after.input, name=given)
    after = _renamed(replace(step.after, output=output, input=source), _OWN, form.input.name)
    items = known & {p.name for p in after.params}
    items |= {given} if form.output.name in known else set()
    items |= {output.name} if by in known else set()
    return Gradient(by, after, tuple(_charts(step)), items, verdicts)


def _renamed(form: Form, old: str, new: str) -> Form:
    """The form with one array of its weights under another name."""
    weights = (replace(p, array=replace(p.array, name=new)) if p.name == old else p for p in form.weights)
    return replace(form, weights=tuple(weights), weight=rename_arrays(form.weight, {old: new}))


def _letter(form: Form) -> str:
    """The name of the gradient by the result: G, or the next that no array of the layer has."""
    taken = {a.name for a in (form.input, form.output, *(p.array for p in form.params))}
    return next(name for name in ("G", "Y", "Z", "Q") if name not in taken)


def _charts(step: Step) -> Iterator[Chart]:
    """The letters in which the terms of the form before the step may be swept; of a bias they are its own alone."""
    form = step.before
    if step.view is View.BIAS:
        letters = (*form.output.symbols, *(axis.symbol for axis in sums(form.bias)))
        yield Chart(tuple(step.to_after.items()), tuple((s, step.to_before[s]) for s in letters))
        return
    if len(step.to_after) < len(step.to_before):  # a letter was inlined, so the step's own form has simpler ones
        return
    for chart in charts(form):
        down, up = dict(chart.down), dict(step.to_before)
        there = {s: expand(replaced(e, down)) for s, e in step.to_after.items()}
        back = {s: expand(replaced(e, up)) for s, e in chart.up}
        if all(s in replaced(e, there).free_symbols for s, e in back.items()):  # else others tell it: one value of many
            yield Chart(tuple(there.items()), tuple(back.items()))


@lru_cache(maxsize=256)
def lower(form: Form, target: str) -> Program:
    """The form's own program. Raises NoLowering where there is none."""
    return direct(form, target, batched(form))


@lru_cache(maxsize=256)
def proof_of(form: Form, target: str) -> tuple[Verdict, ...]:
    """The form's own program, proved to denote it. Raises ObligationFailed where it does not."""
    return _proved(lower(form, target), form, target)


def _proved(program: Program, form: Form, target: str) -> tuple[Verdict, ...]:
    verdicts = discharge_all(program_obligations(program, form))
    for verdict in verdicts:
        if not verdict.proved:
            raise ObligationFailed(f"The program for {target} fails its obligation '{verdict.obligation.name}'.")
    return verdicts


def unfit(form: Form) -> dict[str, str]:
    """Why the form has no program of an algorithm in stages, for each that it has none of."""
    return dict(_tried(form, batched(form), "")[1])


def terms(form: Form, items: frozenset[str] | None = None) -> Expr:
    """How many products one result adds at most: as many as the letters of the sum have values together.

    A result without items adds up those of all. `items` are the arrays that have them.
    """
    if form.vanishes:
        return S.Zero
    known = batched(form) if items is None else items
    batch = S.One if form.output.name in known else BATCH
    return expand(batch * _product(a.extent for a in form.reduction))


def told(form: Form, found: Sequence[Gradient], unfit: Mapping[str, str]) -> dict[str, Any]:
    """What a kernel object is told of its arrays, with the gradients that were found, and of what algorithms it has none."""
    return {
        "weights": tuple(p.name for p in form.weights),
        "biases": tuple(p.name for p in form.biases),
        "constants": constants(form),
        "repeats": repeats(form),
        "terms": terms(form),
        "slope_terms": {slope.by: terms(slope.form, slope.items) for slope in found},
        "unfit": unfit,
    }


def staged(
    form: Form, items: frozenset[str] | None = None, named: str = ""
) -> tuple[tuple[Staged, tuple[Verdict, ...]], ...]:
    """The form's programs in stages, one for each algorithm that fits it, proved; one that no proof is found for is left out.

    `items` are the arrays with an entry for each item of a batch, where they aren't the form's own; `named` ends their names.
    Raises ObligationFailed where a proof is refuted.
    """
    return _tried(form, batched(form) if items is None else items, named)[0]


@lru_cache(maxsize=256)
def _tried(
    form: Form, items: frozenset[str], named: str
) -> tuple[tuple[tuple[Staged, tuple[Verdict, ...]], ...], Mapping[str, str]]:
    """The programs in stages with their proofs, and for the other algorithms the reason why there is none."""
    found: list[tuple[Staged, tuple[Verdict, ...]]] = []
    reasons: dict[str, str] = {}
    for name in ALGORITHMS:
        made, reason = by_algorithm(name, form, items, named)
        for way in WAYS.values() if made is None else ():
            if made is None and way.fits(form):
                made, reason = by_algorithm(name, form, items, named, _by_way(way, name))
        found += [made] if made else []
        reasons |= {name: reason} if reason else {}
    return tuple(found), reasons


@lru_cache
def _by_way(way: Way, name: str) -> Callable[..., Staged]:
    """What an algorithm makes of another form in the place of this one."""
    return partial(way.make, find("derive.algorithms", name))


@lru_cache(maxsize=4096)
def by_algorithm(
    name: str, form: Form, items: frozenset[str], named: str, make: Callable[..., Staged] | None = None
) -> tuple[tuple[Staged, tuple[Verdict, ...]] | None, str]:
    """The program in stages of one algorithm, or of what makes one of that name, with its proofs; or why there is none."""
    try:
        program = (make or find("derive.algorithms", name))(form, items)
        program = replace(program, name=f"{program.name}{named}")
        return (program, proved(obligations(program, form), f"the algorithm '{name}'")), ""
    except (NoLowering, NotAffine) as cause:
        return None, str(cause).rstrip(".")


def in_blocks(
    form: Form, target: str, found: Sequence[Gradient]
) -> dict[str, tuple[Blocked | Tiled, tuple[Verdict, ...]]]:
    """The programs in blocks of a form and its gradients that there are, by the names of the plain ones, with their proofs."""
    plain = [(form, lower(form, target), batched(form))] if target == "threads" else []
    views = gradients(form, target, found) if plain else {}
    plain += [(s.form, views[s.by][0], s.items) for s in found if s.by in views]
    programs = {}
    for own, program, items in plain:
        try:
            programs[program.name] = blocked(own, program, items)
        except NoLowering:
            continue
    return programs


def gradients(form: Form, target: str, found: Sequence[Gradient]) -> dict[str, tuple[Program, tuple[Verdict, ...]]]:
    """For each argument of the form the program of its gradient with its proofs; none for one that can't be lowered."""
    programs = {}
    for slope in found:
        try:
            programs[slope.by] = _gradient(slope, form, target)
        except NoLowering:
            continue
    return programs


def staged_gradients(found: Sequence[Gradient]) -> tuple[tuple[Staged, tuple[Verdict, ...]], ...]:
    """The programs in stages of the gradients for all weights, each named after its result, with their proofs."""
    every = (staged(slope.form, slope.items, f"_{slope.form.output.name}") for slope in found)
    return tuple(pair for pairs in every for pair in pairs if not pair[0].valued)


@lru_cache(maxsize=1024)
def _gradient(slope: Gradient, form: Form, target: str) -> tuple[Program, tuple[Verdict, ...]]:
    program = direct(slope.form, target, slope.items, slope.charts, f"direct_{slope.form.output.name}")
    program = _sized(program, form)
    order = [form.input.name, *(p.name for p in form.params), slope.form.input.name]
    arguments = tuple(sorted(program.arguments, key=lambda s: order.index(s.name)))
    program = replace(program, arguments=arguments, says=f"the gradient by {slope.by}: {program.says}")
    return program, _proved(program, slope.form, target)


def _sized(program: Program, form: Form) -> Program:
    """The program with those arrays of the layer besides that tell it a size."""
    known = {s.name for s in program.arguments}
    others = [a for a in (form.input, *(p.array for p in form.params)) if a.name not in known]
    for array in others:
        told = {source.size for source in program.sources}
        more = [s for s in size_sources(form, (array,)) if s.size in needed(program) - told]
        if more:
            stored = Storage(array.name, array.shape, array.name in batched(form))
            sources = (*program.sources, *(SizeFrom(*astuple(s)) for s in more))
            program = replace(program, arguments=(*program.arguments, stored), sources=sources)
    return program
