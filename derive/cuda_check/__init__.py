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

# Its parts are loaded when they are asked for: the command line starts without NumPy.
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
