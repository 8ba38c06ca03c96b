"""Kernels that were derived, proved and emitted by `derive`: NumPy in, NumPy out; CuPy in, CuPy out."""

from ._runtime import Dispatcher

__all__ = [
    "conv2d",
    "conv2d_channels",
    "convolution2d",
    "dense2d",
    "fully_connected",
    "offset2d",
]

conv2d = Dispatcher(__name__, "conv2d")
conv2d_channels = Dispatcher(__name__, "conv2d_channels")
convolution2d = Dispatcher(__name__, "convolution2d")
dense2d = Dispatcher(__name__, "dense2d")
fully_connected = Dispatcher(__name__, "fully_connected")
offset2d = Dispatcher(__name__, "offset2d")
