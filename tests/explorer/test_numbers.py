"""What the page holds is what the engine says, for every setting that it offers: a few by day, all of them nightly.

The page's data are unpacked from its files, and compared with the layer that the steps on it derive: counts with the layer's own, W
with what its form means on integers, the kernel's results with W; and the program on it ends as the page says.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from random import Random

import numpy as np
import pytest
from sympy import Integer

import derive
from derive.compiled import load_source
from derive.errors import DeriveError
from derive.explorer.data import Ranges, at_sizes, sizes_of
from derive.explorer.layers import Shared, outcome
from derive.explorer.offered import offered
from derive.explorer.settings import Setting
from derive.explorer.static import static_page, unpacked
from derive.forms.denote import matrix
from derive.forms.evaluate import evaluate
from derive.forms.expr import index
from derive.proof.counts import Counts
from derive.proof.exact import rank
from derive.proof.sized import free_entries, needed

SMALL = Ranges((range(3, 5), range(2, 4)), (range(3, 4), range(2, 3)), (range(1, 2), range(1, 2)), range(1, 3))
EVERY = tuple(offered())
BY_DAY = {
    "1-box:channels.interval",
    "1-box:interval.translations.D1",
    "1-box:translations.causal.D1",
    "1-box:translations.stride2",
    "1-reflecting:translations",
    "1-reflecting:translations.interval",
    "1-torus:interval.D1",
    "1-torus:translations",
    "2-box:translations.box",
    "2-torus:box.D4",
    "2-torus:translations.stride2",
}
SETTINGS = [pytest.param(s, id=str(s), marks=[] if str(s) in BY_DAY else [pytest.mark.nightly]) for s in EVERY]


@cache
def held(setting: Setting):
    """The data of the one layer of a page that holds this setting alone."""
    files = static_page(settings=[setting], ranges=SMALL)
    (script,) = (data for name, data in files.items() if name.startswith("data/"))
    return unpacked(script)


def refused(setting: Setting):
    """The sentence that the program on the page ends with, where one of its rules is refused."""
    program = held(setting)["orders"][str(setting)]["python"]
    try:
        exec(program, {})
    except DeriveError as found:
        return str(found)
    return ""


@cache
def shown(setting: Setting):
    """The layer that the steps on the page derive."""
    names = {name: getattr(derive, name) for name in derive.__all__}
    layer = derive.dense(rank=setting.axes)
    for step in held(setting)["orders"][str(setting)]["steps"][1:]:
        layer = layer.then(eval(step["rule"].replace("Δ", "Delta"), names))
    return layer


def points(setting: Setting):
    """Sizes that the layer admits, with the page's data for them."""
    for named, point in held(setting)["points"].items():
        sizes = {name: int(value) for name, value in (part.split("=") for part in named.split(","))}
        if "refused" not in point:
            yield sizes, point


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_refusal_is_the_engines_own(setting):
    told = held(setting)["orders"][str(setting)].get("refused", {"says": ""})
    assert told["says"] == refused(setting)


@pytest.mark.parametrize("setting", SETTINGS)
def test_counts_are_the_layers_own(setting):
    layer = shown(setting)
    steps, counts = (held(setting)["orders"][str(setting)][part] for part in ("steps", "counts"))
    for sizes, point in points(setting):
        named = ",".join(f"{name}={value}" for name, value in sizes.items())
        assert (point["weights"], point["biases"]) == free(layer.form, sizes)
        assert len(counts[named]) == len(steps) and counts[named][-1] == point["weights"]
        numbers = {c for c in point["W"]["cells"] if c}
        assert layer.form.shared or len(numbers) == point["weights"]


def free(form, sizes):
    """Weights and biases: the exact counts; where terms share inputs, the rank of what the form makes of the weights."""
    own = Counts.of(form)
    biases = free_entries(form.biases, own.exact_bias, sizes)
    if not form.shared:
        return free_entries(form.weights, own.exact_weight, sizes), biases
    at = {index(n): v for n, v in sizes.items()}
    arrays = {p.name: np.zeros([int(evaluate(e, at)) for e in p.array.shape], dtype=int) for p in form.params}
    rows = []
    for place in np.ndindex(*arrays[form.weights[0].name].shape):
        unit = np.zeros_like(arrays[form.weights[0].name])
        unit[place] = 1
        rows.append(matrix(form, arrays | {form.weights[0].name: unit}, at).ravel())
    return rank(np.array(rows)), biases


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_not_admitted_is_said(setting):
    layer = shown(setting)
    for named, point in held(setting)["points"].items():
        sizes = {name: int(value) for name, value in (part.split("=") for part in named.split(","))}
        assert ("refused" in point) == bool(needed(layer.form, sizes))


@pytest.mark.parametrize("setting", SETTINGS)
def test_W_is_what_the_form_means(setting):
    """Each named weight is drawn as an integer; every entry of W is then the sum that its name says."""
    layer = shown(setting)
    found = list(points(setting))
    sizes, point = found[len(found) // 2]
    arrays, values = _drawn(layer.form, sizes, Random(0))
    W = matrix(layer.form, arrays, {index(n): v for n, v in sizes.items()})
    rows, columns = point["W"]["rows"], point["W"]["columns"]
    told = [_value(point["W"]["names"][str(c)], values) if c else 0 for c in point["W"]["cells"]]
    assert np.array(told).reshape(rows, columns).tolist() == W.reshape(rows, columns).tolist()


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_kernel_computes_W(setting):
    layer, source = shown(setting), held(setting)["source"]
    if not source:
        pytest.skip(held(setting)["sourcesays"])
    run = load_source(source, "numpy").layer
    found = list(points(setting))
    sizes, point = found[0]
    arrays, values = _drawn(layer.form, sizes, Random(1))
    shape = tuple(int(evaluate(e, {index(n): v for n, v in sizes.items()})) for e in layer.form.input.shape)
    X = np.random.default_rng(0).integers(-9, 10, shape)
    biases = {p.name: np.zeros_like(arrays[p.name]) for p in layer.form.biases}
    given = {name: array.astype(np.int64) for name, array in (arrays | biases).items()}
    H = run(X, *(given[p.name] for p in (*layer.form.weights, *layer.form.biases)))
    told = np.array([_value(point["W"]["names"][str(c)], values) if c else 0 for c in point["W"]["cells"]])
    assert H.ravel().tolist() == (told.reshape(point["W"]["rows"], -1) @ X.ravel()).tolist()


def _drawn(form, sizes, draw):
    """Random integers for every parameter, and the weights among them by name."""
    at = {index(n): Integer(v) for n, v in sizes.items()}
    arrays, values = {}, {}
    for param in form.params:
        lows = [int(evaluate(axis.lower, sizes | at)) for axis in param.array.axes]
        array = np.zeros([int(evaluate(e, at)) for e in param.array.shape], dtype=object)
        for place in np.ndindex(*array.shape):
            array[place] = draw.randint(-99, 99)
            name = ", ".join(str(p + low) for p, low in zip(place, lows, strict=True))
            values[f"{param.name}[{name}]"] = array[place]
        arrays[param.name] = array
    return arrays, values


def _value(name, values):
    """What a name such as V[-1] + 2·V[0] comes to."""
    total = 0
    for part in name.split(" + "):
        times, _, entry = part.rpartition("·")
        total += int(times or 1) * values[entry]
    return total


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            [s for s in EVERY if s.grid == "box" and {"translations", "interval", "D1"}.issuperset(s.words)],
            id="by day",
        ),
        pytest.param(EVERY, id="all", marks=pytest.mark.nightly),
    ],
)
def test_settings_that_share_a_layer_have_the_same_numbers(settings):
    """Whether by equal forms or by a proof: what the page shows of one holds of the other."""
    shared, met = Shared(), {}
    for setting in settings:
        derivation = outcome(setting).derivation
        met.setdefault(id(shared.of(derivation)), {})[derivation.form] = derivation
    assert len(met) < 0.7 * len(settings)
    for first, *others in (tuple(forms.values()) for forms in met.values() if len(forms) > 1):
        ranges = [size["values"] for size in sizes_of(first, SMALL)]
        for values in product(*ranges):
            sizes = dict(zip((s.name for s in first.form.sizes), values, strict=True))
            assert all(at_sizes(other, sizes) == at_sizes(first, sizes) for other in others)


def test_the_helpers_find_a_wrong_number():
    assert _value("V[-1] + 2·V[0]", {"V[-1]": 3, "V[0]": 5}) == 13
    with pytest.raises(KeyError):
        _value("V[7]", {"V[-1]": 3})


def test_those_of_the_day_are_offered():
    assert {str(s) for s in EVERY} >= BY_DAY and len(EVERY) == len(set(EVERY)) > 300
