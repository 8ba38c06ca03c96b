"""How much of a multiprocessor a kernel keeps busy, by the limits that NVIDIA documents for each architecture."""

from dataclasses import dataclass

from .nvrtc import Resources

__all__ = ["LIMITS", "Limits", "occupancy"]

REGISTERS, WARP = 1 << 16, 32
REGISTER_UNIT = 256  # registers are given to a warp in so many
WARP_UNIT = 4  # the four parts of a multiprocessor have a quarter of the registers each
RESERVED = 1024  # bytes of shared memory that a block takes for the system, from compute capability 8.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a multiprocessor has room for: warps, blocks, bytes of shared memory, and how many bytes are given at once."""

    warps: int
    blocks: int
    shared: int
    unit: int = 128
    reserved: int = RESERVED


LIMITS = {
    "sm_75": Limits(32, 16, 64 * 1024, 256, 0),
    "sm_80": Limits(64, 32, 164 * 1024),
    "sm_86": Limits(48, 16, 100 * 1024),
    "sm_89": Limits(48, 24, 100 * 1024),
    "sm_90": Limits(64, 32, 228 * 1024),
    "sm_100": Limits(64, 32, 228 * 1024),
    "sm_120": Limits(48, 24, 100 * 1024),
}


def occupancy(used: Resources, threads: int, architecture: str, dynamic_shared: int = 0) -> float:
    """Resident warps as a part of those that a multiprocessor can hold, for blocks of so many threads; 0 where none fits.

    >>> occupancy(Resources(32, 0, 0, 0, 0), 256, "sm_90"), occupancy(Resources(255, 0, 0, 0, 0), 256, "sm_90")
    (1.0, 0.125)
    """
    limits = LIMITS[architecture]
    warps = -(-threads // WARP)
    each = -(-used.registers * WARP // REGISTER_UNIT) * REGISTER_UNIT
    of_registers = REGISTERS // each // WARP_UNIT * WARP_UNIT // warps if each else limits.blocks
    shared = used.shared + dynamic_shared
    taken = -(-shared // limits.unit) * limits.unit + limits.reserved
    of_shared = limits.shared // taken if taken else limits.blocks
    return min(limits.blocks, limits.warps // warps, of_registers, of_shared) * warps / limits.warps
