"""Every planted fault is found, with its line, whatever the schedule; its mended twin gives none."""

from collections.abc import Iterator
from typing import Any

import pytest

from derive.cuda_check import SCHEDULES, CudaFault, FaultKind, RawModule, prebuild_modules, standing_in_for_cupy
from tests.cuda_check.flow_plants import FLOW_PLANTS
from tests.cuda_check.launch_plants import LAUNCH_PLANTS
from tests.cuda_check.memory_plants import MEMORY_PLANTS
from tests.cuda_check.order_plants import ORDER_PLANTS
from tests.cuda_check.plant import Plant
from tests.cuda_check.style_plants import STYLE_PLANTS

PLANTS: tuple[Plant, ...] = (*MEMORY_PLANTS, *ORDER_PLANTS, *FLOW_PLANTS, *LAUNCH_PLANTS, *STYLE_PLANTS)

ROUNDS = [*((schedule, 0) for schedule in SCHEDULES), ("random", 7)]


@pytest.fixture(scope="module", autouse=True)
def _one_translation_unit(compiler: None) -> None:
    prebuild_modules(RawModule(code=code) for plant in PLANTS for code in (plant.code, plant.mended()))


@pytest.fixture(params=ROUNDS, ids=lambda at: f"{at[0]}-{at[1]}")
def cupy(request: pytest.FixtureRequest) -> Iterator[Any]:
    schedule, seed = request.param
    with standing_in_for_cupy(schedule=schedule, seed=seed, step_limit=1 << 20) as module:
        yield module


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_the_fault_is_found_with_its_line(cupy: Any, plant: Plant) -> None:
    with pytest.raises(CudaFault) as caught:
        plant.launch(cupy, plant.code)
    fault = caught.value
    assert fault.kind is plant.kind, fault
    assert fault.line in plant.lines or (fault.line is None and not plant.lines), fault
    assert fault.earlier_line is None or fault.earlier_line in plant.lines
    assert plant.argument in (None, fault.argument)
    assert plant.says in str(fault)
    assert "\n" not in str(fault)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_the_mended_twin_gives_none(cupy: Any, plant: Plant) -> None:
    plant.launch(cupy, plant.mended())


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_launch_after_a_fault_is_sound(plant: Plant) -> None:
    with standing_in_for_cupy(step_limit=1 << 20) as cupy:
        with pytest.raises(CudaFault):
            plant.launch(cupy, plant.code)
        plant.launch(cupy, plant.mended())


def test_every_kind_of_fault_is_planted() -> None:
    assert {plant.kind for plant in PLANTS} == set(FaultKind)
    assert {plant.kind for plant in PLANTS if not plant.lines} == {FaultKind.ARGUMENTS, FaultKind.LAUNCH}
