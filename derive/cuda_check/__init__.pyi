"""The public names, each with its home: see __init__.py."""

from .checking import check_module
from .compiler import cache_folder, find_compiler
from .exact import run_mod_p
from .fake_cupy import cupy_module, standing_in_for_cupy
from .faults import CompileError, CudaFault, FaultKind, NoCompiler
from .findings import Finding, Findings
from .prebuilding import gathering, prebuild_modules
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
    "gathering",
    "prebuild_modules",
    "run_mod_p",
    "standing_in_for_cupy",
    "using",
]
