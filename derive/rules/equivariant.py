"""Equivariance: moving the input moves the output, which ties weights together.

    Σ_r W[p(o, r)]·X[ι(o, r)]   ⟶   Σ_r V[τ(p(o, r))]·X[ι(o, r)]        where c(g·o, g·k) = c(o, k)

for every element g of the group that keeps o and k inside; c(o, k) is the factor of X[k] in H[o]. Applied to
every X that is zero wherever g·k leaves the grid, H(gX)[g·o] = H(X)[o] says just that, coefficient by coefficient,
and X = 0 says it of the biases. τ names the orbit of an entry. A restriction: it keeps exactly those layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sympy import Expr, Integer, Sum, Symbol, false, true

from derive.errors import OrbitCut
from derive.forms.conditions import simplified
from derive.forms.dense import dense_form
from derive.forms.expr import Where
from derive.forms.form import Array, Form, Table, equal_places
from derive.forms.notation import UNICODE
from derive.groups._group import AtSizes, Element, Group, Linear, Motion, Tabled
from derive.groups._signs import times
from derive.groups.translations import Translations
from derive.proof.counterexample import smallest_model
from derive.proof.cut import inside_of
from derive.proof.goal import Goal
from derive.proof.step import Clause, Kind, Step, SubStep
from derive.remembered import both, replaced
from derive.rules._known import implied
from derive.rules._maps import same_letters
from derive.rules._mixed import matrices_of, mixed, mixed_laws
from derive.rules._rule import Case, rule
from derive.rules._spanned import linear_laws, spanned
from derive.rules._tabled import laws, tied_by_tables
from derive.rules._tied import Tied
from derive.rules.reindex import reindex

__all__ = ["equivariant"]


@rule(Kind.RESTRICTION)
def equivariant(form: Form, group: Group) -> Step:
    """Tie the weights of each orbit of pairs (output place, input place), and the biases of each orbit of places.

    For a group of matrices weights and biases are the combinations of a basis of those that satisfy the law.
    """
    motions = _motions(form, group)
    if motions is not None:
        return spanned(form, motions, equivariant.statement)
    elements = group.elements(form)
    if matrices_of(form, group) is not None:
        _check_places(form, group, elements)
        return mixed(form, group, clauses(form, group), tables(form, group), equivariant.statement)
    images = _tables(form, group)
    if images is not None:
        return tied_by_tables(form, elements, images, equivariant.statement)
    if not form.vanishes:
        _check_terms(form, group, elements)
    weights, biases = (tuple(Tied(form, p, group, elements) for p in part) for part in (form.weights, form.biases))
    stated = _clauses(form, elements)
    instances = [*(w.instances(0) for w in weights)]
    instances += [b.instances(len(elements)) for b in biases if len(stated) > len(elements)]
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=equivariant.statement,
        reason="Moving the input moves the output, so weights on one orbit are equal: one free weight an orbit.",
        before=form,
        after=_after(form, weights, biases),
        embeddings=tuple(t.embedding for t in (*weights, *biases)),
        sections=tuple(s for t in (*weights, *biases) for s in t.sections),
        to_before=same_letters(form),
        to_after=same_letters(form),
        clauses=stated,
        instances=tuple(i for part in instances for i in part),
        argument=_argument(form, elements[0], weights, biases),
    )


@equivariant.constraint
def clauses(form: Form, group: Group) -> tuple[Clause, ...]:
    """The law on coefficients, and on biases, for each element."""
    motions = _motions(form, group)
    if motions is not None:
        return linear_laws(form, motions)[0]
    if (matrices := matrices_of(form, group)) is not None:
        return mixed_laws(form, group.elements(form), matrices, (_law, _law_of_biases))[0]
    if _tables(form, group) is not None:
        return laws(form, group.elements(form))
    return _clauses(form, group.elements(form))


@equivariant.reading
def tables(form: Form, group: Group) -> tuple[Table, ...]:
    """The matrices of the generators, or their images."""
    if (matrices := matrices_of(form, group)) is not None:
        return mixed_laws(form, group.elements(form), matrices, ())[1]
    motions = _motions(form, group)
    return linear_laws(form, motions)[1] if motions is not None else _tables(form, group) or ()


def _tables(form: Form, group: Group) -> tuple[Table, ...] | None:
    """What the elements' images are read from; None for a group whose elements are formulas."""
    return group.tables(form) if isinstance(group, Tabled) else None


def _motions(form: Form, group: Group) -> tuple[Motion, ...] | None:
    """The generators as matrices; None for a group whose elements move places."""
    return group.motions(form) if isinstance(group, Linear) else None


def _after(form: Form, weights: tuple[Tied, ...], biases: tuple[Tied, ...]) -> Form:
    """The form with one parameter an orbit; terms whose weight a sign forces to be 0 are left out."""
    tied = replace(
        form,
        bias=Where(biases[0].kept(form.bias), biases[0].tied(form.bias)) if biases else form.bias,
        biases=tuple(p for b in biases for p in b.params),
    )
    for weight in weights:
        boxes = (form.output.holds(), form.given, *(axis.holds() for axis in form.reduction))
        kept = weight.kept(form.weight) if weight.params else false
        domain = form.domain if kept == true else simplified(both(form.domain, kept), *boxes)
        tied = replace(tied, domain=domain, weight=weight.tied(form.weight), weights=weight.params)
    return tied


def _clauses(form: Form, elements: tuple[Element, ...]) -> tuple[Clause, ...]:
    """The laws on coefficients, then those on biases, unless these say nothing."""
    biases = tuple(_law_of_biases(form, element) for element in elements)
    stated = any(clause.left != clause.right for clause in biases)
    return (*(_law(form, element) for element in elements), *(biases if stated else ()))


def _moved(form: Form, element: Element) -> tuple[dict[Symbol, Expr], dict[Symbol, Expr]]:
    """The places that an element carries o and k to."""
    go = {s: element.out.get(s, s) for s in form.output.symbols}
    return go, {s: element.source.get(s, s) for s in form.input.symbols}


def _says(form: Form, element: Element, go: Mapping[Symbol, Expr]) -> str:
    moved = f"{form.output.name}({element.notation} X)[{UNICODE.places(go.values())}]"
    sign = {Integer(1): "", Integer(-1): "-"}.get(element.signs[0], "±")
    return f"{moved} = {sign}{form.output.name}(X)[{UNICODE.places(go)}]"


def _law(form: Form, element: Element) -> Clause:
    go, gk = _moved(form, element)
    places = both(form.output.holds(), form.output.holds(go.values()), element.given)
    sources = both(form.input.holds(), form.input.holds(gk.values()))
    coefficient = form.coefficient(form.input.symbols)
    sign = times(*element.signs)
    return Clause(
        _says(form, element, go),
        (*form.output.symbols, *form.input.symbols, *element.letters),
        both(places, sources),
        replaced(coefficient, go | gk),
        times(sign, coefficient),
    )


def _law_of_biases(form: Form, element: Element) -> Clause:
    go, _ = _moved(form, element)
    return Clause(
        f"{_says(form, element, go)} at X = 0",
        (*form.output.symbols, *element.letters),
        both(form.output.holds(), form.output.holds(go.values()), element.given),
        replaced(form.bias, go),
        times(element.signs[0], form.bias),
    )


def _check_places(form: Form, group: Group, elements: tuple[Element, ...]) -> None:
    """Raises RuleRefused where the elements couldn't tie weights by their places alone, whatever they do to channels."""
    if not form.vanishes:
        _check_terms(form, group, elements)
    for weight in form.weights:
        Tied(form, weight, group, elements)


def _check_terms(form: Form, group: Group, elements: tuple[Element, ...]) -> None:
    """Every element carries a term to a term, where both places are inside: else coefficients are 0 that nobody dropped.

    Raises OrbitCut with the smallest offset that is lost, and what of the group keeps the support.
    """
    goals = _kept_terms(form, elements)
    broken = _broken(goals)
    if broken:
        lost, example = elements[broken[0]], _lost(form, elements[broken[0]], goals[broken[0]])
        kept = _kept(form, group, elements, goals, broken)
        says = f"the support is kept by {kept}, not by {lost.says}: {example}."
        raise OrbitCut(f"Rule 'equivariant' refused: {says}", form)


def surviving(form: Form, group: Group) -> str | None:
    """What of a group keeps a form's support, in words; None where all of it does, or elements are no formulas."""
    if _motions(form, group) is not None or _tables(form, group) is not None or form.vanishes:
        return None
    elements = group.elements(form)
    goals = _kept_terms(form, elements)
    broken = _broken(goals)
    return _kept(form, group, elements, goals, broken) if broken else None


def _kept(form: Form, group: Group, elements: tuple[Element, ...], goals: Sequence[Goal], broken: Sequence[int]) -> str:
    """What of a group keeps the support, in words: for all sizes, or at the smallest ones at which not all of it does."""
    if not isinstance(group, AtSizes):
        return group.keeps(tuple(e for p, e in enumerate(elements) if p not in {*broken}))
    model = _model(form, elements[broken[0]], goals[broken[0]])
    sizes = {s: model.get(s, 1) for s in form.sizes}
    kept = group.kept_at(form, inside_of(form, sizes))
    at = ", ".join(f"{s} = {v}" for s, v in sizes.items() if s in model)
    return f"{kept} at {at}" if at else kept


def _broken(goals: Iterable[Goal]) -> list[int]:
    """The numbers of the elements that carry some term to none."""
    return [p for p, goal in enumerate(goals) if not implied(both(*goal.given), goal.show)]


def _kept_terms(form: Form, elements: Iterable[Element]) -> list[Goal]:
    """For each element that it carries a term to a term, where both places are inside."""
    solved = form.solve_read(form.input.symbols)
    met = equal_places((replaced(e, solved) for e in form.read), form.input.symbols)
    live = both(replaced(form.live, solved), met)
    goals = []
    for element in elements:
        go, gk = _moved(form, element)
        inside = both(form.output.holds(go.values()), form.input.holds(gk.values()), element.given)
        boxes = both(form.output.holds(), form.input.holds())
        goals.append(Goal((form.given, boxes, inside, live), replaced(live, go | gk)))
    return goals


def _lost(form: Form, element: Element, goal: Goal) -> str:
    """An offset that is inside, and the one that it is carried to; the places where that is the same offset, as by a stride."""
    go, gk = _moved(form, element)
    at = _model(form, element, goal)
    there = {s: int(e.subs(at)) for s, e in (go | gk).items()}
    pairs = [(form.output.symbols[p], form.input.symbols[q]) for p, q in _paired(form)]
    inside, outside = (tuple(place[k] - place[o] for o, k in pairs) for place in (at, there))
    if inside != outside:
        return f"offset {inside} is inside and {outside} is not"
    here, moved = ((_place(place, form.output), _place(place, form.input)) for place in (at, there))
    return f"output {here[0]} reads input {here[1]}, and output {moved[0]} doesn't read input {moved[1]}"


def _model(form: Form, element: Element, goal: Goal) -> dict[Symbol, int]:
    """The smallest sizes, places and letters at which an element carries a term to none."""
    sizes = [s for s in form.sizes if s in goal.show.free_symbols.union(*(f.free_symbols for f in goal.given))]
    letters = [*form.output.symbols, *form.input.symbols, *element.letters]
    model = smallest_model(goal, [s.name for s in sizes], [s.name for s in letters])
    return {s: model[s.name] for s in (*sizes, *letters)}


def _paired(form: Form) -> list[tuple[int, int]]:
    return list(zip(form.grid(form.output), form.grid(form.input), strict=True))


def _place(at: Mapping[Symbol, int], array: Array) -> str:
    """The values of an array's letters, as one writes a place."""
    values = [str(at[s]) for s in array.symbols]
    return values[0] if len(values) == 1 else f"({', '.join(values)})"


def _argument(form: Form, element: Element, weights: tuple[Tied, ...], biases: tuple[Tied, ...]) -> tuple[SubStep, ...]:
    """From the law to the tie: both sides as sums, X = 0, the coefficient of one entry, the witness.

    The moved layer's sum runs over the places that its inputs come from, so that no element has to be inverted.
    """
    go, gk = _moved(form, element)
    ranges = [(axis.symbol, axis.lower, axis.upper) for axis in form.reduction]
    read = form.input.entry(form.read)
    out, source = element.signs[0], element.signs[1].xreplace(dict(zip(form.input.symbols, form.read, strict=True)))
    there = weights[0].moved_read(form.weight) if weights else replaced(form.weight, go | gk)
    left = replaced(form.bias, go) + Sum(times(source, there) * read, *ranges)
    right = times(out, form.bias) + Sum(times(out, form.weight) * read, *ranges)
    lines = [
        SubStep(
            "Move the input, and read the output at the moved place; the sum runs over where inputs come from",
            left,
            right,
        )
    ]
    for bias in biases:
        entry, moved = bias.param.array.entry(), bias.param.array.entry(bias.moved[0].values())
        if moved != (value := times(out.xreplace(bias.places), entry)):
            lines.append(SubStep("X = 0 leaves the biases", moved, value))
    for weight in weights:
        sign, entry = times(*element.signs).xreplace(weight.places), weight.param.array.entry()
        moved = weight.param.array.entry(weight.moved[0].values())
        lines.append(SubStep("X = 0 but at one place leaves the coefficients of that place", moved, times(sign, entry)))
    return (*lines, *(line for tied in weights or biases for line in tied.named))


EXAMPLE = Case(reindex().apply(dense_form(rank=1)).after, equivariant(Translations()))
COUNTEREXAMPLE = Case(
    reindex().apply(dense_form(rank=1)).after.with_weight("V[i, a]*U[i]"),
    equivariant(Translations()),
    residue="U[1]*V[1, 0] - U[0]*V[0, 0]",
)
