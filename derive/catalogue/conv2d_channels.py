"""Cross-correlation of images of C channels with a bank of D filters, zero edges."""

from derive.catalogue.conv2d import conv2d
from derive.rules.channels import channels

__all__ = ["conv2d_channels"]

conv2d_channels = conv2d.then(channels())
