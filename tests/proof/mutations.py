"""Steps with one thing wrong, each with the mistake's name: what the obligations must catch.

Every mutant is another claim than the step's, never the same one in other words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from sympy import And, Eq, Integer, Le, Ne, true

from derive.forms.expr import Read, index, map_reads, reads
from derive.forms.form import Edge, Param, Role
from derive.proof.encoding import read_step, write_step
from derive.proof.step import ArrayMap, Clause, Kind, Step

__all__ = ["mutants"]

Mutate = Callable[[Step], Iterator[tuple[str, Step]]]
n, Delta = index("n"), index("Delta")


def mutants(step: Step) -> Iterator[tuple[str, Step]]:
    """Every mistake that can be made in this step."""
    for mutate in (_maps, _forms, _sizes, _free, _terms, _constraint, _kinds):
        for name, mutant in mutate(step):
            if mutant != step:
                yield name, mutant


def _subscripts(read: Read, change: Callable[[tuple], tuple]) -> Read:
    return Read(read.array, *change(read.subscripts))


_EDITS: dict[str, Callable[[tuple], tuple]] = {
    "sign of the last subscript": lambda s: (*s[:-1], -s[-1]) if s else s,
    "sign of the first subscript": lambda s: (-s[0], *s[1:]) if s else s,
    "first subscript off by one": lambda s: (s[0] + 1, *s[1:]) if s else s,
    "last subscript off by one": lambda s: (*s[:-1], s[-1] - 1) if s else s,
    "two subscripts swapped": lambda s: (s[1], s[0], *s[2:]) if len(s) > 1 else s,
}


def _maps(step: Step) -> Iterator[tuple[str, Step]]:
    for field in ("embeddings", "sections"):
        maps: tuple[ArrayMap, ...] = getattr(step, field)
        for position, m in enumerate(maps):
            values = {name: map_reads(m.value, lambda r, e=edit: _subscripts(r, e)) for name, edit in _EDITS.items()}
            values |= {"zero": Integer(0), "doubled": 2 * m.value}
            if field == "embeddings":
                values["wider by one"] = m.value.xreplace({Delta: Delta + 1})
                values["narrower by one"] = m.value.xreplace({Delta: Delta - 1})
            for name, value in values.items():
                changed = (*maps[:position], replace(m, value=value), *maps[position + 1 :])
                if not _harmless(step, m, value):
                    yield f"{field[:-1]} of {m.array}: {name}", replace(step, **{field: changed})
        yield f"{field[:-1]} missing", replace(step, **{field: maps[1:]})
        yield f"{field[:-1]} twice", replace(step, **{field: (*maps, maps[0])})


def _harmless(step: Step, m: ArrayMap, value: object) -> bool:
    """An extension's new places are 0 in its special case: the sign of one or a swap of two is no mistake."""
    zero = {index(s): Integer(0) for s in ("c", "d")}
    return step.kind is Kind.EXTENSION and m.value.xreplace(zero) == value.xreplace(zero)


def _forms(step: Step) -> Iterator[tuple[str, Step]]:
    after = step.after
    some = after.reduction_symbols[0]

    def changed(**parts: object) -> Step:
        return replace(step, after=replace(after, **parts))

    yield "a tap dropped", changed(domain=And(after.domain, Ne(some, 0)))
    yield "all taps dropped", changed(domain=And(after.domain, Le(1, 0)))
    yield "half of the taps dropped", changed(domain=And(after.domain, Le(1, some)))
    yield "weights doubled", changed(weight=2 * after.weight)
    yield "weight dropped", changed(weight=Integer(0))
    yield "bias dropped", changed(bias=Integer(0))
    without = tuple(s for s in step.sections if s.array != after.biases[0].name)
    yield "bias and its map dropped", replace(changed(bias=Integer(0), biases=()), sections=without)
    yield "bias doubled", changed(bias=2 * after.bias)
    yield (
        "weight read with swapped axes",
        changed(weight=_subscripts(after.weight, _EDITS["two subscripts swapped"])),
    )
    yield "weight read mirrored", changed(weight=_subscripts(after.weight, lambda s: tuple(-e for e in s)))
    yield "input read with swapped axes", changed(read=(after.read[1], after.read[0], *after.read[2:]))
    yield "input read mirrored", changed(read=(after.read[0].xreplace({some: -some}), *after.read[1:]))
    yield "input read off by one", changed(read=(after.read[0] + 1, *after.read[1:]))
    yield "output larger", changed(output=_grown(after.output))
    yield "input larger", changed(input=_grown(after.input))
    if after.edge is Edge.ZERO:
        yield "edge forgotten", changed(edge=Edge.INSIDE)
    if after.domain is not true:
        yield "domain forgotten", changed(domain=true)
    yield "nothing done", _idle(step)


def _grown(array):
    first, *rest = array.axes
    return replace(array, axes=(replace(first, upper=first.upper + 1), *rest))


def _idle(step: Step) -> Step:
    """The form as it was, under the same claim."""
    if step.kind is not Kind.RESTRICTION:
        return step
    same = tuple(ArrayMap(p.name, p.array.symbols, p.array.entry()) for p in step.before.params)
    return replace(step, after=replace(step.before, given=step.after.given), embeddings=same, sections=same)


def _sizes(step: Step) -> Iterator[tuple[str, Step]]:
    given = step.after.given
    for name, wanted in {
        "no precondition": true,
        "contradictory precondition": And(given, Le(n, 0)),
        "precondition on a size that was there": And(given, Le(n, 5)),
        "precondition on an index": And(given, Le(index("i"), 0)),
    }.items():
        yield name, replace(step, after=replace(step.after, given=wanted))
    shifts = {Delta: Delta + 1}, {Delta: Delta - 1}
    if step.rule.startswith("local"):
        for shift, name in zip(shifts, ("window wider by one", "window narrower by one"), strict=True):
            axes = tuple(
                replace(a, lower=a.lower.xreplace(shift), upper=a.upper.xreplace(shift)) for a in step.after.reduction
            )
            yield name, replace(step, after=replace(step.after, reduction=axes))
        yield "one tap too many", _with_radius(step, "(Delta + 1)")
        yield "one tap too few", _with_radius(step, "(Delta - 1)")


def _with_radius(step: Step, radius: str) -> Step:
    """The step that another radius gives, under the constraint as it was."""
    data = write_step(step)
    other = json.loads(json.dumps(data).replace("Delta", radius))
    after = other["after"] | {"given": data["after"]["given"]}
    return read_step(data | {"after": after, "embeddings": other["embeddings"]}, "A step")


def _with_weight(step: Step, param: Param) -> Step:
    return replace(step, after=replace(step.after, weights=(param,)))


def _free(step: Step) -> Iterator[tuple[str, Step]]:
    (param,) = step.after.weights
    first = param.array.symbols[0]
    yield (
        "too few entries called free",
        _with_weight(step, replace(param, free=And(param.free, Ne(first, 0)))),
    )
    if param.free is not true:
        yield "too many entries called free", _with_weight(step, replace(param, free=true))
    yield (
        "an array larger than what is read",
        _with_weight(step, replace(param, free=true, array=_grown(param.array))),
    )
    yield "no reader", _with_weight(step, replace(param, reader=()))
    away = tuple((s, e + 1) for s, e in param.reader)
    yield "a reader that reads another entry", _with_weight(step, replace(param, reader=away))
    stranger = replace(param, array=replace(param.array, name="Q"))
    extra = replace(step, after=replace(step.after, weights=(param, stranger)))
    yield "a parameter that nothing determines", extra
    section = ArrayMap("Q", stranger.array.symbols, step.sections[0].value)
    yield "a parameter that nothing reads", replace(extra, sections=(*step.sections, section))


def _terms(step: Step) -> Iterator[tuple[str, Step]]:
    for field in ("to_before", "to_after"):
        terms = dict(getattr(step, field))
        last = [s for s in terms if terms[s] != 0][-1]
        yield f"{field}: sign", replace(step, **{field: terms | {last: -terms[last]}})
        yield f"{field}: off by one", replace(step, **{field: terms | {last: terms[last] + 1}})
        yield f"{field}: one missing", replace(step, **{field: {s: e for s, e in terms.items() if s != last}})
        i, j = index("i"), index("j")
        yield f"{field}: output transposed", replace(step, **{field: terms | {i: terms[j], j: terms[i]}})


def _constraint(step: Step) -> Iterator[tuple[str, Step]]:
    never = Clause("never", (index("q"),), And(Le(index("q"), 0), Le(1, index("q"))), Integer(0), Integer(1))
    yield "a clause about nothing alone", replace(step, clauses=(never,), instances=())
    for position, clause in enumerate(step.clauses):
        others = step.clauses[:position], step.clauses[position + 1 :]

        def stated(new: Clause, others=others) -> Step:
            return replace(step, clauses=(*others[0], new, *others[1]))

        yield f"clause {position}: contradictory", stated(replace(clause, given=And(clause.given, Le(n, 0))))
        yield f"clause {position}: false", stated(replace(clause, right=clause.right + 1))
        yield (
            f"clause {position}: half of the pairs",
            stated(replace(clause, given=And(clause.given, Le(3, index("i"))))),
        )
        yield f"clause {position}: a letter unbound", stated(replace(clause, binders=clause.binders[1:]))
        if position:
            yield f"clause {position}: too strong", stated(replace(clause, right=Integer(0)))
        else:
            yield "clause 0: beyond its range", stated(replace(clause, given=true, left=_bare(clause.left)))
    if step.instances:
        yield "no instances", replace(step, instances=())
        first, *rest = step.instances
        letter, value = first.values[0]
        moved = replace(first, values=((letter, value + 1), *first.values[1:]))
        yield "an instance elsewhere", replace(step, instances=(moved, *rest))
        yield "an instance of no clause", replace(step, instances=(replace(first, clause=7), *rest))
        yield (
            "an instance of the last clause from behind",
            replace(step, instances=(replace(first, clause=-1), *rest)),
        )


def _bare(side):
    return reads(side)[0]


def _kinds(step: Step) -> Iterator[tuple[str, Step]]:
    for kind in Kind:
        claimed = kind is not step.kind and not (kind is Kind.EXTENSION and step.kind is Kind.EQUIVALENCE)
        if claimed:
            yield f"called {kind.value}", replace(step, kind=kind)
    yield "an assumption on a size that was there", replace(step, assume=And(step.assume, Eq(n, 1)))
    yield "an assumption that never holds", replace(step, assume=And(step.assume, Le(index("C"), 0)))
    if step.kind is Kind.EXTENSION:
        yield "no special case", replace(step, assume=true)
        axes = [a for a in step.after.input.axes if a.role is Role.CHANNEL]
        yield "half of the special case", replace(step, assume=Eq(axes[0].upper, 0))
