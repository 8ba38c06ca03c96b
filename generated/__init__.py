"""Kernels that were derived, proved and emitted by `derive`: NumPy in, NumPy out; CuPy in, CuPy out."""

from ._runtime import Dispatcher

__all__ = [
    "average_pool2d",
    "causal1d",
    "conv1d",
    "conv2d",
    "conv2d_channels",
    "conv2d_channels_dV",
    "conv2d_channels_dX",
    "conv2d_channels_du",
    "conv3d",
    "convolution2d",
    "deepsets1d",
    "dense2d",
    "depthwise2d",
    "diamond2d",
    "dilated2d",
    "fully_connected",
    "global_pool2d",
    "grouped2d",
    "hexagonal2d",
    "isotropic2d",
    "laplacian2d",
    "locally_connected2d",
    "offset2d",
    "p4_conv2d",
    "p4_lifting2d",
    "periodic2d",
    "pointwise2d",
    "quaternion2d",
    "reflect2d",
    "separable2d",
    "strided2d",
    "transposed2d",
    "valid2d",
]

average_pool2d = Dispatcher(__name__, "average_pool2d")
causal1d = Dispatcher(__name__, "causal1d")
conv1d = Dispatcher(__name__, "conv1d")
conv2d = Dispatcher(__name__, "conv2d")
conv2d_channels = Dispatcher(__name__, "conv2d_channels")
conv2d_channels_dV = Dispatcher(__name__, "conv2d_channels_dV")
conv2d_channels_dX = Dispatcher(__name__, "conv2d_channels_dX")
conv2d_channels_du = Dispatcher(__name__, "conv2d_channels_du")
conv3d = Dispatcher(__name__, "conv3d")
convolution2d = Dispatcher(__name__, "convolution2d")
deepsets1d = Dispatcher(__name__, "deepsets1d")
dense2d = Dispatcher(__name__, "dense2d")
depthwise2d = Dispatcher(__name__, "depthwise2d")
diamond2d = Dispatcher(__name__, "diamond2d")
dilated2d = Dispatcher(__name__, "dilated2d")
fully_connected = Dispatcher(__name__, "fully_connected")
global_pool2d = Dispatcher(__name__, "global_pool2d")
grouped2d = Dispatcher(__name__, "grouped2d")
hexagonal2d = Dispatcher(__name__, "hexagonal2d")
isotropic2d = Dispatcher(__name__, "isotropic2d")
laplacian2d = Dispatcher(__name__, "laplacian2d")
locally_connected2d = Dispatcher(__name__, "locally_connected2d")
offset2d = Dispatcher(__name__, "offset2d")
p4_conv2d = Dispatcher(__name__, "p4_conv2d")
p4_lifting2d = Dispatcher(__name__, "p4_lifting2d")
periodic2d = Dispatcher(__name__, "periodic2d")
pointwise2d = Dispatcher(__name__, "pointwise2d")
quaternion2d = Dispatcher(__name__, "quaternion2d")
reflect2d = Dispatcher(__name__, "reflect2d")
separable2d = Dispatcher(__name__, "separable2d")
strided2d = Dispatcher(__name__, "strided2d")
transposed2d = Dispatcher(__name__, "transposed2d")
valid2d = Dispatcher(__name__, "valid2d")
