"""The gradient of a loss by the filters of conv2d_channels, from its gradient G by the output."""

from derive.catalogue.conv2d_channels import conv2d_channels
from derive.rules.gradient import gradient

__all__ = ["conv2d_channels_dV"]

conv2d_channels_dV = conv2d_channels.then(gradient("V"))
