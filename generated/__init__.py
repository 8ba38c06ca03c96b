"""Kernels that were derived, proved and emitted by `derive`: NumPy in, NumPy out; CuPy in, CuPy out."""

from ._runtime import Dispatcher

__all__ = [
    "causal1d",
    "conv1d",
    "conv2d",
    "conv2d_channels",
    "conv3d",
    "convolution2d",
    "dense2d",
    "depthwise2d",
    "diamond2d",
    "fully_connected",
    "grouped2d",
    "locally_connected2d",
    "offset2d",
    "pointwise2d",
    "strided2d",
]

causal1d = Dispatcher(__name__, "causal1d")
conv1d = Dispatcher(__name__, "conv1d")
conv2d = Dispatcher(__name__, "conv2d")
conv2d_channels = Dispatcher(__name__, "conv2d_channels")
conv3d = Dispatcher(__name__, "conv3d")
convolution2d = Dispatcher(__name__, "convolution2d")
dense2d = Dispatcher(__name__, "dense2d")
depthwise2d = Dispatcher(__name__, "depthwise2d")
diamond2d = Dispatcher(__name__, "diamond2d")
fully_connected = Dispatcher(__name__, "fully_connected")
grouped2d = Dispatcher(__name__, "grouped2d")
locally_connected2d = Dispatcher(__name__, "locally_connected2d")
offset2d = Dispatcher(__name__, "offset2d")
pointwise2d = Dispatcher(__name__, "pointwise2d")
strided2d = Dispatcher(__name__, "strided2d")
