"""The gradient of a loss by the biases of conv2d_channels, from its gradient G by the output."""

from derive.catalogue.conv2d_channels import conv2d_channels
from derive.rules.gradient import gradient

__all__ = ["conv2d_channels_du"]

conv2d_channels_du = conv2d_channels.then(gradient("u"))
