"""Point groups: rotations and reflections of the lattice, as integer matrices about a centre.

    about a pixel     o ⟶ M·o + t,  k ⟶ M·k + t                for every t: an offset a goes to M·a
    about a corner    o ⟶ M·o + t,  k ⟶ M·k + t + h - M·h      h = (½, ½, ...): an offset a goes to M·(a - h) + h
    about the grid    o ⟶ M·(o - c) + c, and k the same        c = (n - 1)/2, the middle of the whole grid

The first two are partial on a box, like translations, and follow them; the third carries the grid onto itself. By a step,
as translations by a step leave it, t is a multiple of that: M goes about the pixel 0 and about those that these carry it to. On
channels a group acts as it is told to: see `derive.groups._fibre`; where nothing is said, not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sympy import Expr, Symbol, true

from derive.errors import RuleRefused, StatedEarly
from derive.forms.arguments import explained, hold_tuples, said
from derive.forms.form import Array, Form, Role
from derive.groups._around import tie_around, turn
from derive.groups._fibre import Acts, Fibre, adds, beside, channels_of, fibre, representation, sign_of
from derive.groups._group import Action, Element, Group, Tie, channel_acts, chosen_axes, steps_along
from derive.groups._joined import Generated, generated
from derive.groups._matrices import NAMED, Matrix, closure, described, named
from derive.groups._orbits import depends_on_place, tie_finite
from derive.groups._torus import around
from derive.groups.translations import Translations, shift_letters

__all__ = ["PointGroup"]

_MOST = 384
_CENTRES = ("pixel", "corner", "grid")


@explained
@dataclass(frozen=True, slots=True)
class PointGroup:
    """A group by its name, such as "D4", or by matrices that generate it, about a centre, on some axes of the grid.

    `about` is "pixel", "corner" or "grid"; `axes` are the grid axes that the matrices mix, by default all of them;
    `channels` says how the group acts on channel axes, by their letters: (("r", "regular"),), or a dict.
    `step` is that of the translations before it, one for all of its axes or for each.
    """

    group: str | tuple[Matrix, ...]
    about: str = "pixel"
    axes: tuple[int, ...] | None = None
    channels: Mapping[str, Acts] | None = None
    step: int | tuple[int, ...] = 1

    def __post_init__(self) -> None:
        hold_tuples(self)

    def __str__(self) -> str:
        group = f'"{self.group}"' if isinstance(self.group, str) else str(self.group)
        about = "" if self.about == "pixel" else f', about="{self.about}"'
        axes = "" if self.axes is None else f", axes={self.axes}"
        acts = f", channels={{{', '.join(map(_shown, channel_acts(self.channels).items()))}}}" if self.channels else ""
        step = "" if self.step == 1 else f", step={self.step}"
        return f"PointGroup({group}{about}{axes}{acts}{step})"

    @property
    def generators(self) -> tuple[Matrix, ...]:
        """The matrices that generate the group. Raises RuleRefused for a name that is none, or for no matrix."""
        if isinstance(self.group, str):
            if self.group not in NAMED:
                raise RuleRefused(
                    f"There is no point group '{self.group}'; there are {', '.join(NAMED)}, or any matrices."
                )
            return NAMED[self.group]
        if not isinstance(self.group, (tuple, list)) or not self.group:
            raise RuleRefused(
                f"A point group is given by a name or by at least one matrix; {said(self.group)} is neither."
            )
        if any(not isinstance(m, Sequence) or any(not isinstance(row, Sequence) for row in m) for m in self.group):
            raise RuleRefused(
                f"A point group is a tuple of matrices, each a tuple of rows; {said(self.group)} is none."
            )
        return tuple(tuple(tuple(row) for row in m) for m in self.group)

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """All elements, the identity first, in the order in which products of generators reach them."""
        return closure(self.generators)

    def elements(self, form: Form) -> tuple[Element, ...]:
        """Every matrix but the identity, with the shift that takes it anywhere on the grid.

        Raises RuleRefused where there is none, the grid has other axes, or sizes that a matrix would swap.
        """
        if len(self.matrices) == 1:
            raise RuleRefused(f"{self} is the identity alone, which ties nothing; leave it out.")
        fibres = self._fibres(form)
        return tuple(self.element(form, m, tuple(f[p] for f in fibres)) for p, m in enumerate(self.matrices) if p)

    def parts(self) -> tuple[Group, ...]:
        """The shifts; none about the grid's middle."""
        return () if self.about == "grid" else (Translations(self.axes, step=self.step),)

    def _fibres(self, form: Form) -> tuple[tuple[Fibre, ...], ...]:
        """For each channel axis that the group acts on, what its elements do there."""
        axes = {a.symbol.name: a for a in (*form.output.axes, *form.input.axes) if a.role is Role.CHANNEL}
        acts = channel_acts(self.channels)
        if strange := [letter for letter in acts if letter not in axes]:
            raise RuleRefused(f"{self} acts on channels '{strange[0]}'; there are {', '.join(axes) or 'no channels'}.")
        monomial = {letter: how for letter, how in acts.items() if not adds(how, self.generators)}
        return tuple(fibre(axes[letter], how, self.generators) for letter, how in monomial.items())

    def matrices_on_channels(self, form: Form) -> tuple[Mapping[Symbol, Matrix], ...]:
        """For each element but the identity its matrix, on channels that hold a vector which it adds."""
        letters = {letter for letter, how in channel_acts(self.channels).items() if adds(how, self.generators)}
        axes = [a for a in (*form.output.axes, *form.input.axes) if a.symbol.name in letters]
        for axis in axes:
            if axis.extent != self._rank:
                raise RuleRefused(
                    f"The axis '{axis.symbol}' has {axis.extent} channels; the group acts there on {self._rank}."
                )
        return tuple({axis.symbol: m for axis in axes} for m in self.matrices[1:])

    def tie(self, action: Action) -> Tie:
        """One point of every orbit stands for it."""
        return self.tied(action, self.matrices[1:])

    def tied(self, action: Action, matrices: Sequence[Matrix]) -> Tie:
        """The same for elements that act on places by these matrices."""
        places = list(action.elements[0].out)[: self._rank] if action.elements else []
        if places and (action.periods or not depends_on_place(action)):
            self._check_periods(tuple(action.periods.get(s, 1) for s in places))
        wrapped = {o for o, _ in action.wrapped.values()}
        if places and {*places} <= wrapped:
            return tie_around(action, [(m, self._half(m)) for m in matrices], places)
        return tie_finite(action)

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """The name of the subgroup, and its elements where they are few."""
        by_words = {described(m): m for m in self.matrices[1:]}
        kept = [by_words[e.says] for e in elements]
        name = named((self.matrices[0], *kept)) or f"a subgroup of order {len(kept) + 1}"
        return f"{name} ({', '.join(e.says for e in elements)})" if elements else "the identity alone"

    @property
    def _rank(self) -> int:
        return len(self.matrices[0])

    def joined(self, other: Group, form: Form) -> Group | None:
        """The group that both generate, about their centre; None where they have none in common, or other shifts."""
        if not isinstance(other, PointGroup) or other.about != self.about:
            return None
        both = generated(self._generated(form), other._generated(form))
        if both is None:
            return None
        steps = set(both.steps)
        name = None if both.differ else both.name
        whole = PointGroup(
            name or both.generators,
            self.about,
            None if len(both.axes) == len(form.grid(form.input)) else both.axes,
            None if both.differ else both.channels or None,
            steps.pop() if len(steps) == 1 else both.steps,
        )
        return _Both.of(other, self, whole, both.channels) if both.differ else whole

    def _generated(self, form: Form) -> Generated:
        axes = self._chosen(form)
        return Generated(axes, self.generators, self._steps(len(axes)), channel_acts(self.channels))

    def _axes(self, form: Form) -> tuple[int, ...]:
        if len(form.grid(form.input)) != len(form.grid(form.output)):
            raise RuleRefused(
                f"{self} acts on places, and {form.output.name} has other grid axes than {form.input.name}."
            )
        return self._chosen(form)

    def _chosen(self, form: Form) -> tuple[int, ...]:
        """The axes of the input's grid that the matrices mix."""
        rank, grid = self._rank, len(form.grid(form.input))
        axes = chosen_axes(self, self.axes, grid)
        if len(axes) != rank:
            raise RuleRefused(
                f"{self} acts on {rank} axes; name which of the grid's {grid}, as in axes={tuple(range(rank))}."
            )
        if self.about not in _CENTRES:
            raise RuleRefused(f"A point group is about one of {', '.join(_CENTRES)}; '{self.about}' is none of them.")
        return axes

    def element(self, form: Form, m: Matrix, fibres: tuple[Fibre, ...]) -> Element:
        """One matrix, with the shift that takes it anywhere, and what it does to channels."""
        axes = self._axes(form)
        if (sizes := around(form, axes)) is not None and self.about != "grid":
            return turn(form, axes, (m, self._half(m)), fibres, sizes)
        shifts = () if self.about == "grid" else shift_letters(form, axes)
        moves = tuple(step * s for step, s in zip(self._steps(len(axes)), shifts, strict=False))
        still, moved = (
            self._grid_shift(form, axes, m)
            if self.about == "grid"
            else (moves, tuple(s + h for s, h in zip(moves, self._half(m), strict=True)))
        )
        shown = "".join(s.name for s in shifts)
        return Element(
            letters=shifts,
            given=true,
            out=_image(form, form.output, axes, m, still) | channels_of(form.output, fibres),
            source=_image(form, form.input, axes, m, moved) | channels_of(form.input, fibres),
            notation=f"M_{{{shown}}}" if shown else "M",
            says=described(m),
            signs=(sign_of(form.output, fibres), sign_of(form.input, fibres)),
        )

    def _steps(self, rank: int) -> tuple[int, ...]:
        """The step of shifts along each axis. Raises RuleRefused for what is none, and for steps that a matrix would mix."""
        steps = steps_along(self.step, rank)
        if self.about == "grid" and set(steps) != {1}:
            raise RuleRefused(f"{self} is about the grid's middle, so it takes no shifts; leave out step=.")
        if len(self._unmixed(steps)) < len(self.matrices):
            raise RuleRefused(f"{self._mixes(steps)}; {self._survivors(steps)}.")
        return steps

    def _unmixed(self, steps: Sequence[int]) -> tuple[Matrix, ...]:
        """The matrices that carry shifts by these steps to shifts by them."""
        return tuple(
            m
            for m in self.matrices
            if not any(x * steps[q] % steps[p] for p, row in enumerate(m) for q, x in enumerate(row))
        )

    def _mixes(self, steps: Sequence[int]) -> str:
        lost = next(m for m in self.matrices if m not in self._unmixed(steps))
        along = ", ".join(map(str, steps))
        return f"{described(lost).capitalize()} carries shifts by ({along}) along its axes to some that are no multiples of these"

    def _survivors(self, steps: Sequence[int]) -> str:
        """What is left of the group with shifts by these steps, as it is stated."""
        kept = self._unmixed(steps)
        if len(kept) == 1:
            return "no other element than the identity survives"
        name = named(kept)
        group: str | tuple[Matrix, ...] = name if name is not None and name in NAMED else kept[1:]
        by: int | tuple[int, ...] = steps[0] if len(set(steps)) == 1 else tuple(steps)
        rest = replace(self, group=group, step=1 if self.about == "grid" else by)
        return f"what survives is {rest}"

    def _check_periods(self, periods: tuple[int, ...]) -> None:
        """Raises RuleRefused unless the shifts are those that leave weights as they are which repeat by these periods."""
        steps = self._steps(len(periods))
        by = ", ".join(map(str, periods))
        if self.about == "grid" and len(self._unmixed(periods)) < len(self.matrices):
            raise RuleRefused(
                f"Weights repeat by ({by}) along the grid. {self._mixes(periods)}; {self._survivors(periods)}."
            )
        if self.about == "grid" or steps == periods:
            return
        own = ", ".join(map(str, steps))
        says = f"{self} comes with shifts by ({own}), and weights repeat by ({by}) along the grid"
        if not any(step % period for step, period in zip(steps, periods, strict=True)):
            by_these = periods[0] if len(set(periods)) == 1 else periods
            raise RuleRefused(f"{says} already; with those shifts it is {replace(self, step=by_these)}.")
        raise StatedEarly(
            f"{says}, so shifts by these alone leave them as they are; {self._survivors(periods)}, "
            f"or state {' and '.join(f'equivariant({part})' for part in self.parts())} before it."
        )

    def _half(self, m: Matrix) -> tuple[int, ...]:
        """h - M·h, for the half pixel along each axis; 0 about a pixel. Raises RuleRefused where that is no pixel."""
        twice = [1 - sum(row) if self.about == "corner" else 0 for row in m]
        if any(x % 2 for x in twice):
            raise RuleRefused(
                f"{self} has {described(m)}, which carries offsets between pixels to places that are none."
            )
        return tuple(x // 2 for x in twice)

    def _grid_shift(self, form: Form, axes: tuple[int, ...], m: Matrix) -> tuple[tuple[Expr, ...], tuple[Expr, ...]]:
        """c - M·c. Raises RuleRefused where the matrix doesn't carry the grid onto itself."""
        shifts = []
        for array in (form.output, form.input):
            sizes = [array.axes[array_axis].extent for array_axis in (form.grid(array)[p] for p in axes)]
            for p, row in enumerate(m):
                used = [q for q, x in enumerate(row) if x]
                if len(used) != 1 or sizes[used[0]] != sizes[p]:
                    raise RuleRefused(
                        f"{described(m).capitalize()} doesn't carry a grid of sizes {', '.join(map(str, sizes))} onto itself."
                    )
            middle = [(size - 1) / 2 for size in sizes]
            shifts.append(
                tuple(
                    (middle[p] - sum(x * c for x, c in zip(row, middle, strict=True))).expand()
                    for p, row in enumerate(m)
                )
            )
        return shifts[0], shifts[1]


@dataclass(frozen=True, slots=True)
class _Both:
    """Two point groups of which one matrix may do several things to channels: elements are matrices beside what they do there.

    What leaves all places and changes channels is among them.
    """

    one: PointGroup
    other: PointGroup
    whole: PointGroup
    acts: tuple[tuple[str, ...], tuple[tuple[Matrix, tuple[tuple[int, ...], ...]], ...]]

    @classmethod
    def of(cls, one: PointGroup, other: PointGroup, whole: PointGroup, channels: Mapping[str, Acts]) -> _Both | None:
        """None where they generate too many elements."""
        codes = [representation(how, whole.generators) for how in channels.values()]
        found = beside(whole.generators, codes, _MOST)
        return None if found is None else cls(one, other, whole, (tuple(channels), tuple(found)))

    def __str__(self) -> str:
        return f"{self.one} and {self.other}"

    def elements(self, form: Form) -> tuple[Element, ...]:
        """All but the identity, as those of a point group."""
        letters = {a.symbol.name: a.symbol for a in (*form.output.axes, *form.input.axes) if a.role is Role.CHANNEL}
        names, found = self.acts
        return tuple(
            self.whole.element(form, m, tuple(Fibre.of(letters[s], c) for s, c in zip(names, codes, strict=True)))
            for m, codes in found[1:]
        )

    def parts(self) -> tuple[Group, ...]:
        """The shifts; none about the grid's middle."""
        return self.whole.parts()

    def tie(self, action: Action) -> Tie:
        """One point of every orbit stands for it."""
        return self.whole.tied(action, [m for m, _ in self.acts[1][1:]])

    def keeps(self, elements: tuple[Element, ...]) -> str:
        """The elements."""
        return ", ".join(dict.fromkeys(e.says for e in elements)) or "the identity alone"


def _image(form: Form, array: Array, axes: Sequence[int], m: Matrix, shifts: Sequence[Expr]) -> dict[Symbol, Expr]:
    """M·o + shift on the chosen grid axes of an array."""
    symbols = [array.axes[form.grid(array)[p]].symbol for p in axes]
    return {
        s: sum((x * q for x, q in zip(row, symbols, strict=True)), start=shift)
        for s, row, shift in zip(symbols, m, shifts, strict=True)
    }


def _shown(item: tuple[str, Acts]) -> str:
    letter, acts = item
    return f'"{letter}": ' + (f'"{acts}"' if isinstance(acts, str) else f"{acts.size} channels")
