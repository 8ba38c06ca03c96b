"""Every emitted CuPy module, unchanged, by each of its designs, gradients too: three rungs, every order of threads, no fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from derive.cuda_check import MERSENNE_61, SCHEDULES, CudaFault, gathering, standing_in_for_cupy, using
from tests.cuda.every_way import Way, bounds, drawn, exactly, ways
from tests.cuda.killing import kernels_in
from tests.ladder.checks import Refuted
from tests.ladder.subjects import LAYERS, mutant, subject

pytestmark = [
    pytest.mark.usefixtures("cxx"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
]

FLOATS = ("float32", "float64", "float16")


def require(holds: Any, way: Way, says: str) -> None:
    if not np.all(holds):
        raise Refuted(f"{way.of.name} by {way.design} {says}.")


class Names(set[str]):
    """The watch of the settings: which kernels are launched, none of them at fault."""

    def launched(self, launch: Any) -> None:
        self.add(launch.kernel)

    def traced(self, launch: Any, trace: Any) -> None: ...

    def found(self, fault: Exception, code: str) -> None:
        raise fault


def run(way: Way, arrays: Any, dtype: Any = None, **settings: Any) -> dict[str, np.ndarray]:
    """The result and the gradients, as host arrays; a fault is raised where it is launched."""
    with standing_in_for_cupy(**settings) as cupy:
        return {key: array.get() for key, array in way(cupy, arrays, dtype).items()}


def residues(way: Way, seed: int) -> None:
    """Rung 1: random residues modulo a 61-bit prime; a wrong program passes with probability below 2⁻⁵⁰."""
    random = np.random.default_rng(seed)
    arrays = drawn(way, lambda shape: random.integers(0, MERSENNE_61, shape).astype(object))
    found = run(way, arrays, np.float64, prime=MERSENNE_61, schedule=SCHEDULES[seed % 3], seed=seed)
    for key, exact in exactly(way, arrays).items():
        wanted = [int(x.numerator) * pow(int(x.denominator), -1, MERSENNE_61) % MERSENNE_61 for x in exact.ravel()]
        require(found[key].ravel().tolist() == wanted, way, f"gives {key} with other residues")


def small_integers(way: Way, seed: int) -> None:
    """Rung 2, in every type of floats: equal, or nearest where a program's constants are rounded."""
    random = np.random.default_rng(seed)
    arrays = drawn(way, lambda shape: random.integers(-1, 2, shape))
    exact, whole = exactly(way, arrays), all(c.whole for c in way.of.kernel.constants.values())
    for turn, dtype in enumerate(types(way)):
        found = run(way, _typed(way, arrays, dtype), schedule=SCHEDULES[turn % 3], seed=seed)
        for key, got in found.items():
            kind = "float64" if dtype == "int64" and not whole else dtype
            require(got.dtype == kind, way, f"gives {key} in {got.dtype}")
            rounded = getattr(way.designs[key], "bound", None) is not None
            wanted = exact[key].astype(float)
            require((np.rint(got) if rounded else got) == wanted, way, f"gives another {key} in {dtype}")


def reals(way: Way, seed: int) -> None:
    """Rung 3, under every schedule, whose results are the same bits."""
    dtype, random = FLOATS[seed % 3], np.random.default_rng(seed)
    arrays = _typed(way, drawn(way, lambda shape: random.uniform(-1, 1, shape)), dtype)
    first, *others = (run(way, arrays, schedule=schedule, seed=seed) for schedule in SCHEDULES)
    exact = exactly(way, {n: _long(a) for n, a in arrays.items()})
    for key, bound in bounds(way, arrays, dtype).items():
        error = abs(first[key] - exact[key].astype(np.longdouble))
        # What NumPy's own sums round in 64 bits is less than a thousandth of any bound.
        require(error <= 0.999 * bound, way, f"errs beyond the bound in {key} in {dtype}")
        same = all(other[key].tobytes() == first[key].tobytes() for other in others)
        require(same, way, f"gives {key} by the order of threads")


def _long(array: np.ndarray) -> np.ndarray:
    """Numbers with 64 bits; a constant is a whole number or a fraction."""
    if array.dtype != object:
        return array.astype(np.longdouble)
    values = [np.longdouble(x.numerator) / np.longdouble(x.denominator) for x in array.ravel()]
    return np.array(values, np.longdouble).reshape(array.shape)


def types(way: Way) -> tuple[str, ...]:
    """Of the elements that a design is for."""
    return (*FLOATS, "int64") if way.design == "direct" else FLOATS


def _typed(way: Way, arrays: Any, dtype: str) -> dict[str, Any]:
    """Arguments in a type; constants, which the layer brings along, stay exact."""
    return {n: a if n in way.of.kernel.constants else np.asarray(a).astype(dtype) for n, a in arrays.items()}


def _zeros(shape: tuple[int, ...]) -> np.ndarray:
    return np.zeros(shape, object)


def gathered(every: list[Way]) -> None:
    """Compiles at once what the rungs launch."""
    with gathering():
        for way in every:
            run(way.elsewhere, drawn(way.elsewhere, _zeros), np.float64, prime=MERSENNE_61)
            for dtype in types(way):
                run(way, _typed(way, drawn(way, _zeros), dtype))


def climb(every: list[Way], seed: int = 0) -> set[str]:
    """Every rung by every way; the names of the kernels that were launched."""
    gathered(every)
    with using(watch=(names := Names())):
        for place, way in enumerate(every):
            residues(way.elsewhere, seed + place)
            small_integers(way, seed + place)
            reals(way, seed + place)
    return names


@pytest.mark.parametrize("name", LAYERS)
def test_every_module_climbs_by_every_way(name: str) -> None:
    """And each of its kernels is launched on the way."""
    of = subject(name, "cupy")
    assert climb(list(ways(of)), LAYERS.index(name)) == {*kernels_in(of.text)}


# A layer, its design and its text, what is changed there, and what is said; the last two are for a rung alone.
FAULTS = (
    ("hexagonal2d", "halos", "HALOS_DX", "__syncthreads();", "", "race|no thread of the block has written"),
    ("laplacian2d", "strips", "STRIPS_DX", "k0 + R <= n - 1", "k0 + R <= n", "out of bounds"),
    ("offset2d", "parts", "PARTS", "min(batch, z0 + length_z)", "min(batch, z0 + length_z - 1)", "residues"),
    ("p4_lifting2d", "winograd", "WINOGRAD", "r == 2 ? 1 - a : 1 - b", "r == 2 ? 1 - b : 1 - b", "residues"),
    ("isotropic2d", "direct", "SRC", "real acc;", "float acc;", "beyond the bound"),
    ("strided2d", "direct", "SRC", "= acc;", "= acc + (clock64() % 2) * 1e-16;", "order of threads"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}, {fault[1]}")
def test_a_fault_by_any_way_is_found(fault: tuple[str, ...]) -> None:
    name, design, block, old, new, says = fault
    of = subject(name, "cupy")
    before, text = of.text.split(f'{block} = r"""', 1)
    assert old in text
    faulty = mutant(of, f'{before}{block} = r"""{text.replace(old, new, 1)}')
    (way,) = (known for known in ways(faulty) if known.design == design)
    with pytest.raises((Refuted, CudaFault), match=says):
        reals(way, FLOATS.index("float64")) if design == "direct" else climb([way])
