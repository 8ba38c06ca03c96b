"""The gradient of a loss by the images of conv2d_channels, from its gradient by the output."""

from derive.catalogue.conv2d_channels import conv2d_channels
from derive.rules.adjoint import adjoint

__all__ = ["conv2d_channels_dX"]

conv2d_channels_dX = conv2d_channels.then(adjoint())
