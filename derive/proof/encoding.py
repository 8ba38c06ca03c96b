"""Forms and steps as plain data, every formula as text, and back; nothing is evaluated as Python.

Whatever the data hold, reading gives a value or raises CertificateError with a sentence that names the place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from keyword import iskeyword
from typing import Any, TypeVar
from unicodedata import normalize

from sympy import Expr, Rational, Symbol
from sympy.logic.boolalg import Boolean

from derive.errors import CertificateError, TextError
from derive.forms.expr import index
from derive.forms.form import Array, Axis, Edge, Form, Param, Role, Table
from derive.forms.text import parse, show
from derive.proof.json_data import Data, fields, kind_of, line, listed
from derive.proof.step import ArrayMap, Clause, Instance, Kind, Step, View

__all__ = [
    "each",
    "read_clause",
    "read_form",
    "read_letter",
    "read_number",
    "read_step",
    "read_table",
    "write_clause",
    "write_form",
    "write_step",
    "write_tables",
]

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

_LONGEST, _NODES, _DIGITS, _POWER = 20_000, 3_000, 18, 4
_UNREADABLE = (
    TextError,
    SyntaxError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
    MemoryError,
)


def write_form(form: Form) -> Data:
    """A form as data."""
    return {
        "output": _write_array(form.output),
        "input": _write_array(form.input),
        "reduction": [_write_axis(axis) for axis in form.reduction],
        "domain": show(form.domain),
        "weight": show(form.weight),
        "read": [show(e) for e in form.read],
        "bias": show(form.bias),
        "weights": [_write_param(p) for p in form.weights],
        "biases": [_write_param(p) for p in form.biases],
        "given": show(form.given),
        "edge": form.edge.value,
        "shared": form.shared,
    } | write_tables(form.tables)


def write_tables(tables: tuple[Table, ...]) -> Data:
    """Tables with all their values, where there are any."""
    return {"tables": [{"array": _write_array(t.array), "values": list(t.values)} for t in tables]} if tables else {}


def _write_axis(axis: Axis) -> Data:
    return {
        "letter": axis.symbol.name,
        "lower": show(axis.lower),
        "upper": show(axis.upper),
        "role": axis.role.value,
    }


def _write_array(array: Array) -> Data:
    return {"name": array.name, "axes": [_write_axis(axis) for axis in array.axes]}


def _write_param(param: Param) -> Data:
    reader = _write_values(param.reader)
    data = {"array": _write_array(param.array), "free": show(param.free), "reader": reader, "data": param.data}
    return data if param.values is None else data | {"values": [show(v) for v in param.values]}


def _write_values(values: Iterable[tuple[Symbol, Expr]]) -> list[list[str]]:
    return [[letter.name, show(value)] for letter, value in values]


def write_step(step: Step) -> Data:
    """A step as data, without the rendered argument, of which nothing is proved."""
    return {
        "rule": step.rule,
        "kind": step.kind.value,
        "statement": step.statement,
        "before": write_form(step.before),
        "after": write_form(step.after),
        "embeddings": [_write_map(m) for m in step.embeddings],
        "sections": [_write_map(m) for m in step.sections],
        "to_before": _write_values(step.to_before.items()),
        "to_after": _write_values(step.to_after.items()),
        "clauses": [write_clause(clause) for clause in step.clauses],
        "instances": [
            {"array": i.array, "clause": i.clause, "values": _write_values(i.values)} for i in step.instances
        ],
        "assume": show(step.assume),
        "view": step.view.value,
        "selected": show(step.selected),
        "inner": None if step.inner is None else write_form(step.inner),
    } | write_tables(step.tables)


def _write_map(m: ArrayMap) -> Data:
    return {"array": m.array, "letters": [s.name for s in m.binders], "value": show(m.value)}


def write_clause(clause: Clause) -> Data:
    """A clause as data."""
    return {
        "says": clause.says,
        "letters": [s.name for s in clause.binders],
        "given": show(clause.given),
        "left": show(clause.left),
        "right": show(clause.right),
    }


def read_letter(data: Any, where: str) -> Symbol:
    """The letter of that name."""
    text = line(data, where, 40)
    if not text.isidentifier() or iskeyword(text) or normalize("NFKC", text) != text:
        raise CertificateError(f"{where} is '{text}', which is not a letter or a name.")
    return index(text)


def _formula(data: Any, where: str) -> Any:
    """What a text in the formula language states; texts that would take long to read are refused."""
    text = line(data, where, _LONGEST)
    try:
        return _parsed(text)
    except _UNREADABLE as cause:
        raise CertificateError(f"{where} cannot be read: '{text[:60]}' is not a formula.") from cause


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Any:
    _check_size(text)
    return parse(text)


def _check_size(text: str) -> None:
    nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    numbers = [n.value for n in nodes if isinstance(n, ast.Constant)]
    powers = [n for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow)]
    fine = len(nodes) <= _NODES and all(isinstance(v, int) and v < 10**_DIGITS for v in numbers)
    exponents = [p.right.value for p in powers if isinstance(p.right, ast.Constant)]
    small = all(isinstance(v, int) and v <= _POWER for v in exponents)
    if not (fine and small and len(powers) == len(exponents) <= _POWER):
        raise TextError("The formula is too large.")


def read_number(data: Any, where: str) -> Expr:
    """The expression that a text states."""
    value = _formula(data, where)
    if not isinstance(value, Expr):
        raise CertificateError(f"{where} is a condition; it must be a number.")
    return value


def _condition(data: Any, where: str) -> Any:
    value = _formula(data, where)
    if not isinstance(value, Boolean) or isinstance(value, Symbol):
        raise CertificateError(f"{where} must be a condition.")
    return value


def _choice(kind: type[E], data: Any, where: str) -> E:
    text = line(data, where)
    for member in kind:
        if member.value == text:
            return member
    raise CertificateError(f"{where} is '{text[:40]}'; it is one of {', '.join(str(m.value) for m in kind)}.")


def each(data: Any, read: Callable[[Any, str], T], where: str) -> tuple[T, ...]:
    """What the items of a list state."""
    return tuple(read(item, f"{where}, number {k},") for k, item in enumerate(listed(data, where), 1))


def _axis(data: Any, where: str) -> Axis:
    letter, lower, upper, role = fields(data, "letter lower upper role", where)
    return Axis(
        read_letter(letter, f"{where} its letter"),
        read_number(lower, f"{where} its lower end"),
        read_number(upper, f"{where} its upper end"),
        _choice(Role, role, f"{where} its role"),
    )


def _array(data: Any, where: str) -> Array:
    name, axes = fields(data, "name axes", where)
    return Array(read_letter(name, f"{where} its name").name, each(axes, _axis, f"{where} axes"))


def _values(data: Any, where: str) -> tuple[tuple[Symbol, Expr], ...]:
    def pair(item: Any, place: str) -> tuple[Symbol, Expr]:
        if len(listed(item, place)) != 2:
            raise CertificateError(f"{place} must be a letter and its value.")
        return read_letter(item[0], place), read_number(item[1], place)

    pairs = each(data, pair, where)
    if len({letter for letter, _ in pairs}) < len(pairs):
        raise CertificateError(f"{where} gives one letter two values.")
    return pairs


def _param(data: Any, where: str) -> Param:
    array, free, reader, is_data, values = fields(data, "array free reader data", where, "values")
    return Param(
        _array(array, f"{where} its array"),
        _condition(free, f"{where} 'free'"),
        _values(reader, f"{where} 'reader'"),
        _flag(is_data, f"{where} 'data'"),
        None if values is None else each(values, _rational, f"{where} 'values'"),
    )


def _flag(data: Any, where: str) -> bool:
    if type(data) is not bool:
        raise CertificateError(f"{where} is {kind_of(data)}; it must be true or false.")
    return data


def _rational(data: Any, where: str) -> Rational:
    value = read_number(data, where)
    if not isinstance(value, Rational):
        raise CertificateError(f"{where} must be a number.")
    return value


def read_table(data: Any, where: str) -> Table:
    """The table that the data state."""
    array, values = fields(data, "array values", where)
    if any(type(v) is not int for v in listed(values, f"{where} 'values'")):
        raise CertificateError(f"{where} 'values' must be whole numbers.")
    return Table(_array(array, f"{where} its array"), tuple(values))


def read_form(data: Any, where: str) -> Form:
    """The form that the data state."""
    keys = "output input reduction domain weight read bias weights biases given edge shared"
    found = dict(zip([*keys.split(), "tables"], fields(data, keys, where, "tables"), strict=True))
    return Form(
        output=_array(found["output"], f"{where}: the output"),
        input=_array(found["input"], f"{where}: the input"),
        reduction=each(found["reduction"], _axis, f"{where}: the reduction"),
        domain=_condition(found["domain"], f"{where}: the domain"),
        weight=read_number(found["weight"], f"{where}: the weight"),
        read=each(found["read"], read_number, f"{where}: the read"),
        bias=read_number(found["bias"], f"{where}: the bias"),
        weights=each(found["weights"], _param, f"{where}: the weights"),
        biases=each(found["biases"], _param, f"{where}: the biases"),
        given=_condition(found["given"], f"{where}: the precondition"),
        edge=_choice(Edge, found["edge"], f"{where}: the edge"),
        shared=_flag(found["shared"], f"{where}: 'shared'"),
        tables=each(found["tables"] or [], read_table, f"{where}: the tables"),
    )


def _map(data: Any, where: str) -> ArrayMap:
    array, letters, value = fields(data, "array letters value", where)
    name = read_letter(array, f"{where} its array").name
    return ArrayMap(name, each(letters, read_letter, f"{where} its letters"), read_number(value, f"{where} its value"))


def read_clause(data: Any, where: str) -> Clause:
    """The clause that the data state."""
    says, letters, given, left, right = fields(data, "says letters given left right", where)
    return Clause(
        line(says, f"{where} its words"),
        each(letters, read_letter, f"{where} its letters"),
        _condition(given, f"{where} its condition"),
        read_number(left, f"{where} its left side"),
        read_number(right, f"{where} its right side"),
    )


def _instance(data: Any, where: str) -> Instance:
    array, clause, values = fields(data, "array clause values", where)
    if type(clause) is not int:
        raise CertificateError(f"{where} its clause is {kind_of(clause)}; it must be a whole number.")
    return Instance(read_letter(array, f"{where} its array").name, clause, _values(values, f"{where} its values"))


def read_step(data: Data, where: str) -> Step:
    """The step that the data state; `reason` and `argument` are left empty."""
    return Step(
        rule=line(data["rule"], f"{where}: its rule"),
        kind=_choice(Kind, data["kind"], f"{where}: its kind"),
        statement=line(data["statement"], f"{where}: its statement"),
        reason="",
        before=read_form(data["before"], f"{where}: the form before"),
        after=read_form(data["after"], f"{where}: the form after"),
        embeddings=each(data["embeddings"], _map, f"{where}: the embeddings"),
        sections=each(data["sections"], _map, f"{where}: the sections"),
        to_before=dict(_values(data["to_before"], f"{where}: 'to_before'")),
        to_after=dict(_values(data["to_after"], f"{where}: 'to_after'")),
        clauses=each(data["clauses"], read_clause, f"{where}: the clauses"),
        instances=each(data["instances"], _instance, f"{where}: the instances"),
        assume=_condition(data["assume"], f"{where}: 'assume'"),
        view=_choice(View, data["view"], f"{where}: its view"),
        selected=_condition(data["selected"], f"{where}: 'selected'"),
        inner=None if data["inner"] is None else read_form(data["inner"], f"{where}: the inner layer"),
        tables=each(data.get("tables", []), read_table, f"{where}: the tables"),
    )
