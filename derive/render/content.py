"""What a page says of a derivation, before any printer: stages, steps, proofs, theorem, programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sympy import Sum, Symbol, true

from derive.derivation import ProvedStep
from derive.forms.cases import by_cases
from derive.forms.conditions import follows
from derive.forms.equation import sides
from derive.forms.expr import Read, Where, reads
from derive.forms.form import Form
from derive.forms.notation import LATEX, UNICODE
from derive.forms.ranges import affine_part, write_conditions
from derive.proof.coq import left_out
from derive.proof.goal import Status, Verdict
from derive.proof.sized import free_entries
from derive.proof.step import ArrayMap, Clause, Kind, Step, View
from derive.remembered import both
from derive.render.chart import Chart
from derive.render.document import (
    Block,
    Code,
    Details,
    Figure,
    Formula,
    Heading,
    Item,
    Sentence,
    Source,
    Subject,
    Table,
)
from derive.render.field import Field
from derive.render.figures import Picture
from derive.render.grouped import grouped
from derive.render.numbers import at_letters, counts, example, operations
from derive.render.witness import in_letters

__all__ = ["blocks", "form_formula", "law", "maps_formula", "neat", "proved_of", "verdicts_of"]

_WIDEST = 2000
_UNBROKEN = 36  # characters of a condition that stays on one line, on a phone too
_EXACT = {Kind.EQUIVALENCE, Kind.RESTRICTION, Kind.EXTENSION}


def blocks(subject: Subject) -> Iterator[Block]:
    """The whole page."""
    form = subject.derivation.form
    arrows = " ⟶ ".join(["dense", *(s.rule for s in subject.derivation.steps)])
    yield Heading(1, subject.title.rstrip("."))
    yield form_formula(form)
    yield Sentence(f"The layer `{subject.name}`: `{arrows}`. {_proof_line(subject)}")
    yield Heading(2, "Stages")
    if at := example(form):
        yield Sentence(f"Free parameters after each step, in general and at {at_letters(at)}.")
    yield _stage_table(subject, at)
    if subject.chart is not None:
        yield _figure(subject.chart, subject.chart.width)
    yield from _first(subject)
    for number, step in enumerate(subject.derivation.steps, start=1):
        yield from _step(subject, number, step)
    yield from _theorem(subject)
    yield from _programs(subject)
    yield from _again(subject)


def _figure(picture: Picture | Chart | Field, width: int) -> Figure:
    return Figure(picture.file, picture.caption, width)


def verdicts_of(subject: Subject) -> tuple[Verdict, ...]:
    """Every proof: of the first form, the steps, and the programs."""
    programs = (v for verdicts in subject.program_verdicts.values() for v in verdicts)
    return (*subject.derivation.verdicts, *programs)


def proved_of(verdicts: Sequence[Verdict]) -> str:
    """How many of the obligations are proved."""
    return f"{sum(v.proved for v in verdicts)} of {len(verdicts)}"


def _proof_line(subject: Subject) -> str:
    sizes = ", ".join(write_conditions(subject.derivation.form.given, (), UNICODE))
    found = verdicts_of(subject)
    if points := sum(v.status is Status.EXHAUSTIVE for v in found):
        return f"Proved: {proved_of(found)} obligations, {points} of them by checking every entry at these sizes."
    return f"Proved: {proved_of(found)} obligations, for all sizes with {sizes}."


def form_formula(form: Form, beside: Form | None = None) -> Formula:
    """The equation of a form with its conditions; in LaTeX, what the form `beside` doesn't have is underlined."""
    parts = []
    for to in (UNICODE, LATEX):
        left, right, conditions = sides(form, to, beside)
        gap = r" \qquad " if to is LATEX else " " * 8
        parts.append(f"{left} = {right}" + (gap + to.both.join(conditions) if conditions else ""))
    return Formula(((parts[0], parts[1]),))


def _equation(left: Any, right: Any) -> tuple[str, str]:
    return f"{UNICODE(left)} = {UNICODE(right)}", f"{LATEX(left)} = {LATEX(right)}"


def _substitution(old: Any, new: Any) -> tuple[str, str]:
    """An equation, or an arrow where a letter comes to be a multiple or a shift of itself."""
    if isinstance(old, Symbol) and new.has(old):
        return f"{UNICODE(old)} ↦ {UNICODE(new)}", rf"{LATEX(old)} \mapsto {LATEX(new)}"
    return _equation(old, new)


def _math(expression: Any) -> Formula:
    return Formula(((UNICODE(expression), LATEX(expression)),))


def maps_formula(maps: Iterable[ArrayMap], of: Form) -> Formula:
    """One line for each array of a form: its entry in terms of the others. An array that stays as it is has none."""
    known = {p.name: p.array.holds() for p in of.params}
    entries = [(Read(m.array, *m.binders), by_cases(m.value, known[m.array], of.given)) for m in maps]
    return Formula(tuple(_equation(entry, value) for entry, value in entries if entry != value))


def _stage_table(subject: Subject, at: Mapping[str, int] | None) -> Table:
    derivation = subject.derivation
    forms = [("dense", derivation.start), *((s.rule, s.after) for s in derivation.steps)]
    pictures = {picture.stage: picture for picture in reversed(subject.pictures)}
    header = ["stage", "weights", "biases"]
    header += ["weights there", "biases there"] if at else []
    header += ["W"] if pictures else []
    rows = []
    for stage, (rule, form) in enumerate(forms):
        own = counts(form)
        cells: list[str | Formula | Figure] = [
            f"`{rule.partition('(')[0]}`",
            _math(own.weight),
            _math(own.bias),
        ]
        if at:
            pairs = ((form.weights, own.exact_weight), (form.biases, own.exact_bias))
            cells += [grouped(free_entries(params, number, at)) for params, number in pairs]
        if pictures:
            cells.append(_figure(pictures[stage], 150) if stage in pictures else "the same")
        rows.append(tuple(cells))
    return Table(tuple(header), tuple(rows), (3, 4) if at else ())


def _first(subject: Subject) -> Iterator[Block]:
    derivation = subject.derivation
    yield Heading(2, "The dense layer")
    yield form_formula(derivation.start)
    yield Sentence("Every output place has a bias of its own, and a weight of its own for every input place.")
    yield from _figures(subject.pictures, 0)
    yield _obligations(derivation.start_verdicts)


def _figures(pictures: Iterable[Picture], stage: int) -> Iterator[Block]:
    for picture in pictures:
        if picture.stage == stage:
            yield _figure(picture, picture.width)


def _step(subject: Subject, number: int, proved: ProvedStep) -> Iterator[Block]:
    step, rule = proved.step, subject.derivation.applications[number - 1].rule
    yield Heading(2, f"Step {number}: {proved.rule}")
    yield Sentence(rule.headline, lead=f"{step.kind.value.capitalize()}.")
    if (shipped := rule.home) is not None:
        yield Source(rule.name, shipped)
    yield Code("text", _in_lines(step.statement))
    yield from (Sentence(text) for text in _explained(rule.module_doc))
    yield Sentence(step.reason.replace("Delta", "Δ"), lead="Here:")
    yield Sentence("", lead="Before")
    yield form_formula(step.before, step.after)
    yield Sentence("", lead="After")
    yield form_formula(step.after, step.before)
    if step.clauses:
        yield Heading(3, "What is demanded")
        for clause in step.clauses:
            yield from law(clause)
        yield from _held(step)
    if step.argument:
        yield Heading(3, "The argument")
        for place, line in enumerate(step.argument, start=1):
            lines = (_substitution(line.left, line.right), *(_equation(*new) for new in line.where))
            yield Item(place, line.says, Formula(lines))
    yield Heading(3, "The parameters")
    yield from _parameters(step)
    yield from _figures(subject.pictures, number)
    if subject.receptive is not None and subject.receptive.stage == number:
        yield _figure(subject.receptive, 400)
    yield _obligations(proved.verdicts)


def _held(step: Step) -> Iterator[Block]:
    """The matrices that clauses read, and the basis that the new form brings along."""
    read = {r.array for c in step.clauses for side in (c.left, c.right) if side.has(Sum) for r in reads(side)}
    found = {t.name: (t.array, t.values) for t in step.tables if t.name in read}
    if step.view is View.SPANNED:
        found |= {p.name: (p.array, p.values) for p in step.after.params if p.values is not None}
    lines = [f"{name} = {_nested(values, array.shape)}" for name, (array, values) in found.items()]
    if lines:
        yield Sentence("The numbers in it, and the basis of its solutions that the new form reads, are")
        yield Code("text", "\n".join(line if len(line) <= _WIDEST else f"{line[:_WIDEST]} …" for line in lines))


def _nested(values: Sequence[Any], shape: Sequence[Any]) -> str:
    """Numbers row by row, in brackets."""
    if not shape:
        return str(values[0])
    size = len(values) // int(shape[0])
    return f"[{', '.join(_nested(values[k * size : (k + 1) * size], shape[1:]) for k in range(int(shape[0])))}]"


def _in_lines(statement: str) -> str:
    """A statement, and what it holds for on a line of its own."""
    return "\n".join(part.strip() for part in statement.split(" " * 8, 1))


def _explained(doc: str) -> list[str]:
    """The paragraphs of a rule's docstring that follow its statement."""
    parts = doc.split("\n\n")
    after = next(place for place, part in enumerate(parts) if "⟶" in part) + 1
    return [" ".join(part.split()) for part in parts[after:]]


def _parameters(step: Step) -> Iterator[Block]:
    """The embedding and the section, where they aren't the identity."""
    forth, back = maps_formula(step.embeddings, step.before), maps_formula(step.sections, step.after)
    if not forth.lines and not back.lines:
        yield Sentence("They stay as they are.")
        return
    for which, formula in (
        ("before, in terms of those after", forth),
        ("after, in terms of those before", back),
    ):
        if formula.lines:
            yield Sentence(f"The parameters {which}:")
            yield formula
        else:
            yield Sentence(f"The parameters {which}: the same entries.")


def law(clause: Clause) -> Iterator[Block]:
    """A clause of a constraint: its name, what it says of coefficients, and for which indices."""
    yield Sentence(f"`{clause.says.replace('Delta', 'Δ')}`, which says of the parameters that")
    yield Formula((_equation(neat(clause.left, clause.given), neat(clause.right, clause.given)),))
    affine, rest = affine_part(clause.given)
    stated = both(affine.conditions, *(part for part in rest if not follows(part, affine.conditions)))
    chains = (chain.replace("-", "\u2212") for chain in write_conditions(stated, clause.binders, UNICODE))
    conditions = ", ".join(chain.replace(" ", "\xa0") if len(chain) <= _UNBROKEN else chain for chain in chains)
    yield Sentence(f"for all {', '.join(s.name for s in clause.binders)} with {conditions}.")


def neat(value: Any, given: Any) -> Any:
    """The value of a case, without those of its conditions that are given."""
    if not isinstance(value, Where):
        return value
    known, stated = affine_part(given)
    needed, others = affine_part(value.condition)
    left = both(needed.simplify(known).conditions, *(part for part in others if part not in stated))
    return Where(left, *value.args[1:])


def _obligations(verdicts: Sequence[Verdict]) -> Details:
    rows = tuple(
        (v.obligation.name, v.obligation.says, v.status.value, _witness(v.obligation.witness)) for v in verdicts
    )
    table = Table(("obligation", "what it says", "verdict", "witness"), rows)
    reasons = [(v.obligation.name, why.replace("Delta", "Δ")) for v in verdicts if (why := left_out(v.obligation))]
    for_coq = f"{len(verdicts) - len(reasons)} stated for Coq too" if reasons else "all stated for Coq too"
    rest = tuple(Sentence(f"Not stated for Coq: `{name}`, since {why}.") for name, why in reasons)
    return Details(f"Obligations: {proved_of(verdicts)} proved, {for_coq}", (table, *rest))


def _witness(text: str) -> str:
    return ", ".join(f"`{in_letters(part)}`" for part in text.split("; ")) if text else ""


def _theorem(subject: Subject) -> Iterator[Block]:
    derivation = subject.derivation
    form, own = derivation.form, derivation.counts
    demanded = [clause.says.replace("Delta", "Δ") for s in derivation.steps for clause in s.step.clauses]
    exact = all(s.kind in _EXACT for s in derivation.steps)
    yield Heading(2, "The theorem")
    sizes = ", ".join(write_conditions(form.given, (), UNICODE))
    yield Sentence(f"For all sizes with {sizes}, the layers" if sizes else "The layers")
    yield form_formula(derivation.dense)
    laws = f" that satisfy {'; '.join(f'`{says}`' for says in demanded)}" if demanded else ""
    yield Sentence(
        f"{laws.strip()} are exactly the layers".strip() if exact else "lead, by the steps above, to the layers"
    )
    yield form_formula(form)
    yield Sentence("each of them for one value of the free parameters. These are" if exact else "with the parameters")
    yield Formula(
        tuple(
            _count(noun, short if exact_ is None or own.is_long else exact_)
            for noun, exact_, short in (("weights", own.exact_weight, own.weight), ("biases", own.exact_bias, own.bias))
        )
    )
    if (own.exact_weight is None or own.is_long) and own.when != true:
        elsewhere = "; at other sizes `counts.exact_weight` says how many" if own.is_long else ""
        yield Sentence(f"where {UNICODE(own.when)}{elsewhere}.")
    elif own.exact_weight is not None and not own.is_long and own.exact_weight != own.weight:
        yield Sentence(f"which is {UNICODE(own.weight)} weights where {UNICODE(own.when)}.")
    made = any(s.kind is Kind.TRANSFORMATION for s in derivation.steps)
    yield Sentence(
        "The dense layer that it is made from has the weights and biases"
        if made
        else "The dense weights and biases of such a layer are"
    )
    own_maps, given = derivation.reference_maps, derivation.dense.given
    dense = {p.array.entry(): by_cases(own_maps[p.name], p.array.holds(), given) for p in derivation.dense.params}
    yield Formula(tuple(_equation(entry, value) for entry, value in dense.items()))
    yield from _figures(subject.pictures, len(derivation.steps) + 1)
    yield Sentence("One pass takes, with a multiplication and an addition for each term of the sum,")
    own_cost = operations(form)
    yield Formula((_count("operations", own_cost.number, own_cost.exact),))


def _count(noun: str, number: Any, exact: bool = True) -> tuple[str, str]:
    """`exact` is false for an upper bound."""
    plain, latex = ("=", "=") if exact else ("≤", r"\le")
    return f"{noun} {plain} {UNICODE(number)}", rf"\text{{{noun}}} {latex} {LATEX(number)}"


def _programs(subject: Subject) -> Iterator[Block]:
    if not subject.emitted:
        return
    yield Heading(2, "Emitted code")
    for backend, source in subject.emitted.items():
        yield Details(f"generated/{backend}/{subject.name}.py", (Code("python", source.rstrip("\n")),))
        if verdicts := subject.program_verdicts.get(backend, ()):
            yield _obligations(verdicts)


def _again(subject: Subject) -> Iterator[Block]:
    name, called = subject.name, subject.called or subject.name
    yield Heading(2, "Again")
    made = "The programs" if subject.called else "The page, the programs"
    yield Sentence(f"{made} and their checks are made, and the proofs checked, by")
    lines = (
        f"python -m derive emit {called}" if subject.called else "python -m derive",
        f"python -m derive prove {called} --certificate {name}.json",
        f"python -m derive verify {name}.json --against {called}",
        f"python -m derive prove {called} --coq {name}.v",
        f"coqc {name}.v",
    )
    yield Code("console", "\n".join(lines))
