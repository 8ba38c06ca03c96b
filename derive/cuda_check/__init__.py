"""Runs unchanged CuPy modules on the CPU and finds the faults of their kernels and launches.

    with standing_in_for_cupy(schedule="reverse") as cupy:
        module = importlib.import_module("generated.cupy.conv2d")
        H = module.conv2d(cupy.asarray(X), cupy.asarray(V), cupy.asarray(u)).get()

`check_module` runs a whole file so and collects what it finds; the command `check-cuda` prints that.

A fault is a `CudaFault` with its kind, the line of the kernel's source and the argument. Order between
threads comes from `__syncthreads` and `__syncwarp` alone: shuffles, votes, atomics and fences order no memory
here, so a kernel that hands results from block to block through atomics is called a race.

What no CPU shows: memory ordering, asynchronous copies, tensor cores, contraction to fused multiply-adds,
flushed subnormals. What is left to `nvrtc`: registers, and whatever else only NVIDIA's compiler refuses.
"""

from .checking import check_module
from .compiler import cache_folder, find_compiler
from .exact import run_mod_p
from .fake_cupy import cupy_module, standing_in_for_cupy
from .faults import CompileError, CudaFault, FaultKind, NoCompiler
from .findings import Finding, Findings
from .prebuilding import prebuild_modules
from .raw_module import RawKernel, RawModule
from .residues import PRIMES
from .settings import MERSENNE_61, SCHEDULES, Settings, current_settings, using

__all__ = [
    "MERSENNE_61",
    "PRIMES",
    "SCHEDULES",
    "CompileError",
    "CudaFault",
    "FaultKind",
    "Finding",
    "Findings",
    "NoCompiler",
    "RawKernel",
    "RawModule",
    "Settings",
    "cache_folder",
    "check_module",
    "cupy_module",
    "current_settings",
    "find_compiler",
    "prebuild_modules",
    "run_mod_p",
    "standing_in_for_cupy",
    "using",
]
