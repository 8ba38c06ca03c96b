"""What a page says of a derivation, before any printer: stages, steps, proofs, theorem, programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sympy import Symbol

from derive.derivation import ProvedStep
from derive.forms.equation import sides
from derive.forms.expr import Read, Where
from derive.forms.form import Form
from derive.forms.notation import LATEX, UNICODE
from derive.forms.ranges import affine_part, write_conditions
from derive.proof.goal import Verdict
from derive.proof.step import ArrayMap, Clause, Kind
from derive.render.document import Block, Code, Details, Figure, Formula, Heading, Item, Sentence, Subject, Table
from derive.render.figures import Picture
from derive.render.numbers import at_sizes, cost, counts, example, grouped

__all__ = ["blocks", "form_formula", "law", "maps_formula", "neat", "proved_of", "verdicts_of"]

_KINDS = {
    Kind.EQUIVALENCE: "An equivalence: the same layers with their parameters named anew.",
    Kind.RESTRICTION: "A restriction: exactly the layers that satisfy the constraint.",
    Kind.EXTENSION: "An extension: the layers before are a special case, and the argument starts again from here.",
    Kind.FACTORISATION: "A factorisation: weights as polynomials in fewer parameters.",
    Kind.TRANSFORMATION: "A transformation: another layer, defined from the one before.",
    Kind.LOWERING: "A lowering: the same layer as another program.",
}


def blocks(subject: Subject) -> Iterator[Block]:
    """The whole page."""
    form = subject.derivation.form
    arrows = " ⟶ ".join(["dense", *(s.rule for s in subject.derivation.steps)])
    yield Heading(1, subject.title.rstrip("."))
    yield form_formula(form)
    yield Sentence(f"The layer `{subject.name}`: `{arrows}`. {_proof_line(subject)}")
    yield Heading(2, "Stages")
    yield _stage_table(subject)
    yield from _first(subject)
    for number, step in enumerate(subject.derivation.steps, start=1):
        yield from _step(subject, number, step)
    yield from _theorem(subject)
    yield from _programs(subject)
    yield from _again(subject)


def verdicts_of(subject: Subject) -> tuple[Verdict, ...]:
    """Every proof: of the first form, the steps, and the programs."""
    programs = (v for verdicts in subject.program_verdicts.values() for v in verdicts)
    return (*subject.derivation.verdicts, *programs)


def proved_of(verdicts: Sequence[Verdict]) -> str:
    """How many of the obligations are proved."""
    return f"{sum(v.proved for v in verdicts)} of {len(verdicts)}"


def _proof_line(subject: Subject) -> str:
    sizes = ", ".join(write_conditions(subject.derivation.form.given, (), UNICODE))
    return f"Proved: {proved_of(verdicts_of(subject))} obligations, for all sizes with {sizes}."


def form_formula(form: Form) -> Formula:
    """The equation of a form with its conditions."""
    parts = []
    for to in (UNICODE, LATEX):
        left, right, conditions = sides(form, to)
        gap = r" \qquad " if to is LATEX else " " * 8
        parts.append(f"{left} = {right}" + (gap + to.both.join(conditions) if conditions else ""))
    return Formula(((parts[0], parts[1]),))


def _equation(left: Any, right: Any) -> tuple[str, str]:
    return f"{UNICODE(left)} = {UNICODE(right)}", f"{LATEX(left)} = {LATEX(right)}"


def _math(expression: Any) -> Formula:
    return Formula(((UNICODE(expression), LATEX(expression)),))


def maps_formula(maps: Iterable[ArrayMap]) -> Formula:
    """One line for each array: its entry in terms of the others."""
    return Formula(tuple(_equation(Read(m.array, *m.binders), m.value) for m in maps))


def _stage_table(subject: Subject) -> Table:
    derivation = subject.derivation
    forms = [("dense", derivation.start), *((s.rule, s.after) for s in derivation.steps)]
    pictures = {picture.stage: picture for picture in reversed(subject.pictures)}
    header = ["stage", "weights", "biases", "weights at these sizes"]
    if pictures:
        header.append("W")
    rows = []
    for stage, (rule, form) in enumerate(forms):
        numbers = counts(form)
        at = example(form)
        number = "" if at is None else f"{grouped(at_sizes(numbers.exact_weight, at))} at {_at(at)}"
        cells: list[str | Formula | Figure] = [f"`{rule}`", _math(numbers.weight), _math(numbers.bias), number]
        if pictures:
            cells.append(Figure(pictures[stage], 150) if stage in pictures else "the same matrix")
        rows.append(tuple(cells))
    return Table(tuple(header), tuple(rows))


def _at(sizes: dict[str, int]) -> str:
    return ", ".join(f"{UNICODE(Symbol(name))} = {grouped(value)}" for name, value in sizes.items())


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
            yield Figure(picture, 452)


def _step(subject: Subject, number: int, proved: ProvedStep) -> Iterator[Block]:
    step = proved.step
    yield Heading(2, f"Step {number}: {proved.rule}")
    yield Sentence(_KINDS[step.kind])
    yield Code("text", step.statement)
    yield Sentence(step.reason.replace("Delta", "Δ"))
    yield Sentence("", lead="Before")
    yield form_formula(step.before)
    yield Sentence("", lead="After")
    yield form_formula(step.after)
    if step.clauses:
        yield Heading(3, "What is demanded")
        for clause in step.clauses:
            yield from law(clause)
    if step.argument:
        yield Heading(3, "The argument")
        for place, line in enumerate(step.argument, start=1):
            yield Item(place, line.says, Formula((_equation(line.left, line.right),)))
    yield Heading(3, "The parameters")
    yield Sentence("The parameters before, in terms of those after:")
    yield maps_formula(step.embeddings)
    yield Sentence("and those after, in terms of those before:")
    yield maps_formula(step.sections)
    yield from _figures(subject.pictures, number)
    yield _obligations(proved.verdicts)


def law(clause: Clause) -> Iterator[Block]:
    """A clause of a constraint: its name, what it says of coefficients, and for which indices."""
    yield Sentence(f"`{clause.says.replace('Delta', 'Δ')}`, which says of the parameters that")
    yield Formula((_equation(neat(clause.left, clause.given), neat(clause.right, clause.given)),))
    conditions = ", ".join(write_conditions(clause.given, clause.binders, UNICODE))
    yield Sentence(f"for all {', '.join(s.name for s in clause.binders)} with {conditions}.")


def neat(value: Any, given: Any) -> Any:
    """The value of a case whose condition is given."""
    if isinstance(value, Where) and affine_part(given)[0].implies(value.condition):
        return value.args[1]
    return value


def _obligations(verdicts: Sequence[Verdict]) -> Details:
    rows = tuple(
        (v.obligation.name, v.obligation.says, v.status.value, _witness(v.obligation.witness)) for v in verdicts
    )
    table = Table(("obligation", "what it says", "verdict", "witness"), rows)
    return Details(f"Obligations: {proved_of(verdicts)} proved", (table,))


def _witness(text: str) -> str:
    return ", ".join(f"`{part}`" for part in text.replace("Delta", "Δ").split("; ")) if text else ""


def _theorem(subject: Subject) -> Iterator[Block]:
    derivation = subject.derivation
    form, own = derivation.form, derivation.counts
    yield Heading(2, "The theorem")
    yield Sentence(f"For all sizes with {', '.join(write_conditions(form.given, (), UNICODE))}, the layers")
    yield form_formula(derivation.dense)
    demanded = [clause.says for s in derivation.steps for clause in s.step.clauses]
    if demanded:
        laws = "; ".join(f"`{says.replace('Delta', 'Δ')}`" for says in demanded)
        yield Sentence(f"that satisfy {laws} are exactly the layers")
    else:
        yield Sentence("are exactly the layers")
    yield form_formula(form)
    yield Sentence("and each such layer has one value of the free parameters. Their numbers are")
    yield Formula(tuple(_count_line(*pair) for pair in (("weights", own.exact_weight), ("biases", own.exact_bias))))
    if own.exact_weight != own.weight:
        yield Sentence(f"which is {UNICODE(own.weight)} weights where {UNICODE(own.when)}.")
    yield Sentence("The dense weights and biases of such a layer are")
    dense = {p.name: p.array.entry() for p in derivation.dense.params}
    yield Formula(tuple(_equation(dense[name], value) for name, value in derivation.reference_maps.items()))
    yield Sentence("One pass costs, with a multiplication and an addition for each term of the sum,")
    yield Formula(((f"{UNICODE(cost(form))} operations", rf"{LATEX(cost(form))} \text{{ operations}}"),))


def _count_line(noun: str, number: Any) -> tuple[str, str]:
    return f"{noun}: {UNICODE(number)}", rf"\text{{{noun}: }} {LATEX(number)}"


def _programs(subject: Subject) -> Iterator[Block]:
    if not subject.emitted:
        return
    yield Heading(2, "Emitted code")
    for backend, source in subject.emitted.items():
        verdicts = subject.program_verdicts.get(backend, ())
        yield Details(f"generated/{backend}/{subject.name}.py", (Code("python", source.rstrip("\n")),))
        if verdicts:
            yield _obligations(verdicts)


def _again(subject: Subject) -> Iterator[Block]:
    name = subject.name
    yield Heading(2, "Again")
    yield Sentence("The page, the programs and their checks are made, and the proofs checked, by")
    lines = (
        "python -m derive",
        f"python -m derive prove {name} --certificate {name}.json",
        f"python -m derive verify {name}.json --against {name}",
    )
    yield Code("console", "\n".join(lines))


