"""Equivariance: moving the input moves the output, which ties weights together.

    Σ_r W[p(o, r)]·X[ι(o, r)]   ⟶   Σ_r V[τ(p(o, r))]·X[ι(o, r)]        where c(g·o, g·k) = c(o, k)

for every element g of the group that keeps o and k inside; c(o, k) is the factor of X[k] in H[o]. Applied to
every X that is zero wherever g·k leaves the grid, H(gX)[g·o] = H(X)[o] says just that, coefficient by coefficient,
and X = 0 says it of the biases. τ names the orbit of an entry. A restriction: it keeps exactly those layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sympy import And, Expr, Sum, Symbol, expand

from derive.errors import RuleRefused
from derive.forms.conditions import simplified, split
from derive.forms.dense import dense_form
from derive.forms.expr import Read
from derive.forms.form import Array, Axis, Form, Param
from derive.forms.polyhedron import Polyhedron
from derive.groups._group import Element, Group, Tie
from derive.groups.translations import Translations
from derive.proof.step import ArrayMap, Clause, Instance, Kind, Step, SubStep
from derive.rules._maps import same_letters
from derive.rules._ranges import stated_axis
from derive.rules._rule import Case, rule
from derive.rules.reindex import reindex

__all__ = ["equivariant"]


@rule(Kind.RESTRICTION)
def equivariant(form: Form, group: Group) -> Step:
    """Tie the weights of each orbit of pairs (output place, input place), and the biases of each orbit of places."""
    if not hasattr(group, "element"):
        raise RuleRefused(f"Rule 'equivariant' takes a group, such as Translations(); {group!r} is none.")
    element = group.element(form)
    clauses = _clauses(form, element)
    weight, bias = _Tied(form, form.weights[0], group, element), _Tied(form, form.biases[0], group, element)
    after = replace(
        form,
        weight=weight.embedding.at(_subscripts(form.weight)),
        bias=bias.embedding.at(_subscripts(form.bias)),
        weights=(weight.after,),
        biases=(bias.after,),
    )
    same = same_letters(form)
    return Step(
        rule="",
        kind=Kind.RESTRICTION,
        statement=equivariant.statement,
        reason="A shift of the input shifts the output, so weights on one orbit are equal: one free weight an orbit.",
        before=form,
        after=after,
        embeddings=(weight.embedding, bias.embedding),
        sections=(weight.section, bias.section),
        to_before=same,
        to_after=same,
        clauses=clauses,
        instances=(weight.instance(form, 0), bias.instance(form, 1)),
        argument=_argument(form, element, weight, bias),
    )


@equivariant.constraint
def clauses(form: Form, group: Group) -> tuple[Clause, ...]:
    """The law on coefficients, and on biases."""
    return _clauses(form, group.element(form))


def _clauses(form: Form, element: Element) -> tuple[Clause, ...]:
    go = {s: element.out.get(s, s) for s in form.output.symbols}
    gk = {s: element.source.get(s, s) for s in form.input.symbols}
    places = And(form.output.holds(), form.output.holds(go.values()), element.given)
    sources = And(form.input.holds(), form.input.holds(gk.values()))
    law = f"{form.output.name}({element.notation} X)[{_list(go.values())}] = {form.output.name}(X)[{_list(go)}]"
    coefficient = form.coefficient(form.input.symbols)
    return (
        Clause(
            law,
            (*form.output.symbols, *form.input.symbols, *element.letters),
            And(places, sources),
            coefficient.xreplace(go | gk),
            coefficient,
        ),
        Clause(
            f"{law} at X = 0",
            (*form.output.symbols, *element.letters),
            places,
            form.bias.xreplace(go),
            form.bias,
        ),
    )


def _list(items: Iterable[object]) -> str:
    return ", ".join(str(item).replace(" ", "") for item in items)


class _Tied:
    """One parameter array before and after, with the maps between the two and the witness."""

    def __init__(self, form: Form, param: Param, group: Group, element: Element) -> None:
        self.param, self.element = param, element
        self.is_weight = param in form.weights
        self.term = dict(param.reader)
        entries, self.rest = split(param.domain, form.given)
        self.moved = self._moved(form)
        self.tie: Tie = group.tie(self.moved, element, entries)
        self.after = self._after(form, entries)
        values = [value for _, value in self.tie.orbit]
        self.embedding = ArrayMap(param.name, param.array.symbols, self.after.array.entry(values))
        base = [self.tie.representative[s] for s in param.array.symbols]
        self.section = ArrayMap(self.after.name, self.after.array.symbols, param.array.entry(base))

    def _moved(self, form: Form) -> dict[Symbol, Expr]:
        """Where the element carries the entry that is called by its own letters."""
        go = {s: self.element.out.get(s, s).xreplace(self.term) for s in form.output.symbols}
        if self.is_weight:
            gk = dict(zip(form.input.symbols, _moved_read(form, self), strict=True))
            term = go | {s: e.xreplace(gk | go) for s, e in form.solve_read(form.input.symbols).items()}
        else:
            term = go
        source = form.weight if self.is_weight else form.bias
        subscripts = (expand(s.xreplace(term)) for s in _subscripts(source))
        return dict(zip(self.param.array.symbols, subscripts, strict=True))

    def _after(self, form: Form, entries: Polyhedron) -> Param:
        """The orbits as an array: kept letters keep their range, new ones get the range of their values."""
        old = {axis.symbol: axis for axis in self.param.array.axes}
        names = tuple(name for name, _ in self.tie.orbit)
        inside = _orbits(entries, self.tie, old)
        axes = tuple(old[name] if name in old else _range(inside, name, form, names) for name in names)
        array = Array(_new_name(self.param, self.is_weight), axes)
        base = dict(self.tie.representative)
        reader = tuple((s, e.xreplace(base)) for s, e in self.param.reader)
        free = And(inside.conditions, self.rest.xreplace(base))
        return Param(array, simplified(free, array.holds(), form.given), reader)

    def instance(self, form: Form, clause: int) -> Instance:
        """The clause at the pair that reads the entry, and the element that carries it to its representative."""
        term = dict(self.param.reader)
        values: dict[Symbol, Expr] = {s: term[s] for s in form.output.symbols}
        if self.is_weight:
            reads = (e.xreplace(term) for e in form.read)
            values |= dict(zip(form.input.symbols, reads, strict=True))
        values |= {s: self.tie.carry.get(s, 0 * s) for s in self.element.letters}
        return Instance(self.param.name, clause, tuple(values.items()))


def _moved_read(form: Form, tied: _Tied) -> list[Expr]:
    at = dict(zip(form.input.symbols, (e.xreplace(tied.term) for e in form.read), strict=True))
    return [tied.element.source.get(s, s).xreplace(at) for s in form.input.symbols]


def _subscripts(source: Expr) -> tuple[Expr, ...]:
    if not isinstance(source, Read):
        raise RuleRefused(f"Rule 'equivariant' ties free entries; '{source}' is not one.")
    return source.subscripts


def _orbits(entries: Polyhedron, tie: Tie, old: Mapping[Symbol, Axis]) -> Polyhedron:
    """The values of the orbit's letters: the shadow of the entries along the action."""
    names = [name for name, _ in tie.orbit]
    gone = [p for p in old if p not in names]
    solved: dict[Symbol, Expr] = {}
    for name, value in tie.orbit:
        if name not in old:
            lead = next(p for p in gone if value.coeff(p) == 1 and p not in solved)
            solved[lead] = name - (value - lead)
    return entries.substitute(solved).project(*(p for p in gone if p not in solved))


def _range(inside: Polyhedron, name: Symbol, form: Form, names: tuple[Symbol, ...]) -> Axis:
    return stated_axis(name, inside.project(*(s for s in names if s != name)).bounds(name), form)


def _new_name(param: Param, is_weight: bool) -> str:
    if not is_weight:
        return param.name.lower()
    return "V" if param.name == "W" else param.name


def _argument(form: Form, element: Element, weight: _Tied, bias: _Tied) -> tuple[SubStep, ...]:
    """From the law to the tie: both sides as sums, X = 0, the coefficient of one entry, the witness."""
    go = {s: element.out.get(s, s) for s in form.output.symbols}
    shift = {s: element.source.get(s, s) - s for s in form.input.symbols}
    moved = [expand(e.xreplace(go) - shift[s]) for s, e in zip(form.input.symbols, form.read, strict=True)]
    ranges = [(axis.symbol, axis.lower, axis.upper) for axis in form.reduction]
    left = form.bias.xreplace(go) + Sum(form.weight.xreplace(go) * form.input.entry(moved), *ranges)
    right = form.bias + Sum(form.weight * form.input.entry(form.read), *ranges)
    entry, moved_entry = weight.param.array.entry(), weight.param.array.entry(weight.moved.values())
    base = weight.section.value
    return (
        SubStep("Move the input, and read the output at the moved place; the old input is read", left, right),
        SubStep("X = 0 leaves the biases", bias.param.array.entry(bias.moved.values()), bias.param.array.entry()),
        SubStep("X = 0 but at one place leaves the coefficients of that place", moved_entry, entry),
        SubStep(
            "Carry every entry to the representative of its orbit",
            entry,
            base.xreplace(dict(weight.tie.orbit)),
        ),
        SubStep("Name the orbit", base, weight.after.array.entry()),
    )


EXAMPLE = Case(reindex().apply(dense_form(rank=1)).after, equivariant(Translations()))
COUNTEREXAMPLE = Case(
    reindex().apply(dense_form(rank=1)).after.with_weight("V[i, a]*U[i]"),
    equivariant(Translations()),
    residue="U[1]*V[1, 0] - U[0]*V[0, 0]",
)
