"""The one place where derivations, lowerings, backends and pages meet: from a layer to its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

from sympy import Integer

from derive.backends._module import Header, check_sizes
from derive.compiled import Compiled, load_source
from derive.derivation import Derivation
from derive.errors import EmitError, NoLowering, UnknownName, UsageRefused
from derive.forms.expr import index
from derive.forms.form import Form
from derive.haloing import in_halos
from derive.ir.blocks import Blocked
from derive.ir.halos import Haloed
from derive.ir.nodes import Program
from derive.ir.parts import Parted
from derive.ir.stages import Staged
from derive.ir.tiles import Tiled
from derive.lowering import constants, gradients, in_blocks, lower, proof_of, slopes, staged, staged_gradients, told
from derive.parting import in_parts, reasons
from derive.products import in_products
from derive.proof.goal import Verdict
from derive.registry import discover, find, names
from derive.symmetry import Symmetry, stated_symmetry

__all__ = [
    "Compiled",
    "Layer",
    "backends",
    "catalogue",
    "compile_layer",
    "layer",
    "titled",
    "window_kernel",
]


def backends() -> tuple[str, ...]:
    """The names of the backends."""
    return names("derive.backends")


@dataclass(frozen=True)
class Layer:
    """A named derivation with what is made of it: programs, proofs of the programs, and emitted text.

    `called` is how commands call one of a user's own file.
    """

    name: str
    derivation: Derivation
    title: str
    command: str
    page: str
    called: str = ""

    def program(self, backend: str) -> Program:
        """The program that a backend prints."""
        return lower(self.derivation.form, find("derive.backends", backend).target)

    def gradients(self, backend: str) -> dict[str, Program]:
        """For each argument the program that a backend prints for its gradient."""
        return {by: program for by, (program, _) in self._lowered(gradients, backend).items()}

    def program_verdicts(self, backend: str) -> tuple[Verdict, ...]:
        """The programs proved to denote their forms. Raises ObligationFailed where one does not."""
        own = proof_of(self.derivation.form, find("derive.backends", backend).target)
        threads = (
            p for lowering in (gradients, in_blocks, in_parts) for p in self._lowered(lowering, backend).values()
        )
        staged = (*self._staged(backend), *self._staged_gradients(backend))
        if not self._of_arrays(backend):  # most are those of arrays, and their proofs count there
            known = {
                id(p)
                for b in backends()
                if self._of_arrays(b)
                for p, _ in (*self._staged(b), *self._staged_gradients(b))
            }
            staged = tuple(pair for pair in staged if id(pair[0]) not in known)
        halos = (p for own in self._lowered(in_halos, backend).values() for p in own)
        more = (*staged, *threads, *halos)
        return (*own, *(v for _, verdicts in more for v in verdicts))

    def staged(self, backend: str, valued: bool = False) -> tuple[Staged, ...]:
        """The programs in stages that a backend prints besides, for all weights, or those for certain values of weights."""
        return tuple(p for p, _ in self._staged(backend) if p.valued == valued)

    def _staged(self, backend: str) -> tuple[tuple[Staged, tuple[Verdict, ...]], ...]:
        """Those of arrays, or those of the layer and its gradients that a device runs."""
        return staged(self.derivation.form) if self._of_arrays(backend) else self._lowered(in_products, backend)

    @staticmethod
    def _of_arrays(backend: str) -> bool:
        return bool(find("derive.backends", backend).target == "arrays")

    def staged_gradients(self, backend: str) -> tuple[Staged, ...]:
        """The programs in stages that a backend prints besides for gradients."""
        return tuple(program for program, _ in self._staged_gradients(backend))

    def _staged_gradients(self, backend: str) -> tuple[tuple[Staged, tuple[Verdict, ...]], ...]:
        return staged_gradients(slopes(self.derivation.form)) if self._of_arrays(backend) else ()

    def _lowered(self, lowering: Callable[..., Any], backend: str) -> Any:
        """What a lowering of the form and its gradients makes for a backend, with its proofs."""
        return lowering(self.derivation.form, find("derive.backends", backend).target, slopes(self.derivation.form))

    def blocked(self, backend: str) -> dict[str, Blocked | Tiled]:
        """The programs in blocks that a backend prints besides, by the names of the plain ones that stand in for them."""
        return {name: program for name, (program, _) in self._lowered(in_blocks, backend).items()}

    def parted(self, backend: str) -> dict[str, Parted]:
        """The programs in parts that a backend prints besides, by the names of the plain ones that stand in for them."""
        return {name: program for name, (program, _) in self._lowered(in_parts, backend).items()}

    def haloed(self, backend: str) -> dict[str, tuple[Haloed, ...]]:
        """The programs of tiles with a halo that a backend prints besides, by the names of the plain ones."""
        return {name: tuple(p for p, _ in own) for name, own in self._lowered(in_halos, backend).items()}

    @cached_property
    def lowered_verdicts(self) -> dict[str, tuple[Verdict, ...]]:
        """The proofs of the gradients' forms, and of each backend's programs."""
        slope = tuple(v for found in slopes(self.derivation.form) for v in found.verdicts)
        own = {"gradients": slope} if slope else {}
        return own | {b: self.program_verdicts(b) for b in self.backends}

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Every proof: of the first form, the steps, the gradients, and the programs of all backends."""
        return (*self.derivation.verdicts, *(v for found in self.lowered_verdicts.values() for v in found))

    @cached_property
    def symmetry(self) -> Symmetry | None:
        """Under which condition on its sizes a layer at some of its places keeps the symmetry that it states."""
        return stated_symmetry(self.derivation)

    @cached_property
    def sources(self) -> dict[str, str]:
        """The emitted module of each backend."""
        return {b: self.source(b) for b in self.backends}

    @cached_property
    def backends(self) -> tuple[str, ...]:
        """The backends that have a kernel for the layer: those whose programs it can be lowered to."""
        return tuple(b for b in backends() if self._has(b))

    def _has(self, backend: str) -> bool:
        try:
            check_sizes(self.program(backend))
            constants(self.derivation.form)
        except (NoLowering, EmitError):
            return False
        return True

    def source(self, backend: str) -> str:
        """The text of one backend's module. Raises NoLowering or EmitError where there is none."""
        printer = find("derive.backends", backend)
        parts = (self.program(backend), self.header(backend), self.gradients(backend))
        every = [p for p, _ in self._staged(backend)]
        threads = printer.target == "threads"
        more = (self.blocked(backend), self.parted(backend), self.haloed(backend)) if threads else ()
        text: str = printer.emit(*parts, (*every, *self.staged_gradients(backend)), *more)
        return text

    def header(self, backend: str) -> Header:
        """What the emitted file says of itself."""
        from derive.forms.equation import formula

        form = self.derivation.form
        return Header(
            name=self.name,
            command=f"{self.command} --backend {backend}",
            title=self.title,
            formula=(formula(form),),
            facts=_facts(self.derivation, form, f"{_proved(self.verdicts)}: {self.page}", self.symmetry),
            **told(form, slopes(form), reasons(form, find("derive.backends", backend).target)),
        )


def _facts(derivation: Derivation, form: Form, proved: str, symmetry: Symmetry | None) -> tuple[tuple[str, str], ...]:
    """What an emitted file says of a derivation, at the sizes of this form."""
    from derive.render.numbers import cost_text

    return (
        ("Derivation", " ⟶ ".join(["dense", *(_arrow(s.rule) for s in derivation.steps)])),
        ("Proved", proved),
        ("Cost", f"{cost_text(form)} operations"),
        *((("Symmetry", str(symmetry)),) if symmetry is not None else ()),
    )


def _proved(verdicts: tuple[Verdict, ...]) -> str:
    """How many obligations hold, and how far."""
    found = f"{sum(v.proved for v in verdicts)} of {len(verdicts)} obligations"
    pointwise = sum(v.status.at_points for v in verdicts)
    return (
        f"{found}, {pointwise} of them checked for every entry at these sizes"
        if pointwise
        else f"{found} for all sizes"
    )


def _arrow(rule: str) -> str:
    """A rule with its arguments as one writes it in a line of arrows: groups and supports in small letters, names as they are."""
    name, _, inside = rule.partition("(")
    inside = re.sub(r"(?<!\")\b[A-Z]\w*(?=\()", lambda m: m[0].lower(), inside[:-1])
    inside = inside.replace('"', "").replace("()", "").replace("Delta", "Δ")
    return f"{name}({inside})" if inside else name


@lru_cache
def layer(name: str) -> Layer:
    """The catalogue's layer of that name. Raises UnknownName with near matches."""
    derivation = find("derive.catalogue", name)
    module = import_module(f"derive.catalogue.{name}")
    return Layer(name, derivation, titled(module, name), f"python -m derive emit {name}", f"docs/derivations/{name}.md")


def catalogue() -> Iterator[Layer]:
    """Every layer that we ship."""
    return (layer(name) for name, _ in discover("derive.catalogue"))


def titled(module: ModuleType, name: str) -> str:
    """What a layer is called in words: the first line of its file's docstring."""
    lines = (module.__doc__ or "").strip().splitlines()
    return lines[0] if lines else f"The layer {name}."


def compile_layer(derivation: Derivation, backend: str = "numpy", sizes: Mapping[str, int] | None = None) -> Compiled:
    """Emit a derivation and load the result. `sizes` are fixed numbers for sizes of the form."""
    from derive.forms.equation import formula

    values = _values(derivation.form, dict(sizes or {}))
    form = derivation.form.at(values)
    printer = find("derive.backends", backend)
    program = lower(form, printer.target)
    found = [slope.at(values) for slope in slopes(derivation.form)]
    views = gradients(form, printer.target, found)
    arrays = printer.target == "arrays"
    more = (*staged(form), *staged_gradients(found)) if arrays else in_products(form, printer.target, found)
    blocks, shares = in_blocks(form, printer.target, found), in_parts(form, printer.target, found)
    halos = in_halos(form, printer.target, found)
    own = (
        proof_of(form, printer.target),
        *(v for _, v in (*more, *blocks.values(), *shares.values(), *(p for made in halos.values() for p in made))),
        *(v.verdicts for v in found),
        *(verdicts for _, verdicts in views.values()),
    )
    header = Header(
        name="layer",
        command="layer.compile()",
        title="A layer compiled in memory.",
        formula=(formula(form),),
        facts=_facts(
            derivation,
            form,
            _proved((*derivation.verdicts, *(v for some in own for v in some))),
            stated_symmetry(derivation),
        ),
        **told(form, found, reasons(form, printer.target)),
    )
    parts = ({by: made for by, (made, _) in views.items()}, [p for p, _ in more])
    threads: list[Any] = [{name: made for name, (made, _) in some.items()} for some in (blocks, shares)]
    threads.append({name: tuple(p for p, _ in made) for name, made in halos.items()})
    source = printer.emit(program, header, *parts, *(threads if printer.target == "threads" else ()))
    return Compiled(load_source(source, backend).layer, source)


def _values(form: Form, fixed: dict[str, int]) -> dict[Any, Integer]:
    """The numbers for sizes of a form. Raises UnknownName or UsageRefused for what is no size or no number, or leaves no layer."""
    known = {s.name for s in form.sizes}
    if unknown := [name for name in fixed if name not in known]:
        raise UnknownName(f"The layer has no size '{unknown[0]}'; its sizes are {', '.join(sorted(known))}.")
    if wrong := [name for name, value in fixed.items() if not isinstance(value, int) or isinstance(value, bool)]:
        raise UsageRefused(f"The size {wrong[0]} is a whole number; {fixed[wrong[0]]!r} is not.")
    values = {index(name): Integer(value) for name, value in fixed.items()}
    if form.at(values).given == False:  # noqa: E712
        raise UsageRefused(f"The layer doesn't exist at {', '.join(f'{k} = {v}' for k, v in fixed.items())}.")
    return values


def window_kernel(layer: Layer) -> Compiled:
    """The NumPy kernel of a layer that takes an image X[i, j], one square window V[a, b] and a bias u.

    Raises UnknownName for a layer that takes anything else.
    """
    form = layer.derivation.form
    ranks = [len(a.axes) for a in (form.input, *(p.array for p in form.params))]
    window = form.weights[0].array.shape
    grid = {s for axis in form.input.axes for s in axis.upper.free_symbols}
    if ranks != [2, 2, 0] or any(e.free_symbols & grid for e in window):
        takes = ", ".join(str(a.entry()).replace("[()]", "") for a in (form.input, *(p.array for p in form.params)))
        raise UnknownName(
            f"'{layer.name}' takes {takes}; a filter needs a layer of X[i, j], V[a, b], u, such as conv2d."
        )
    return compile_layer(layer.derivation)
