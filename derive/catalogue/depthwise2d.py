"""Every channel with a window of its own, zero edges: channels that don't mix."""

from derive.catalogue.conv2d import conv2d
from derive.rules.channels import channels
from derive.rules.grouped import grouped

__all__ = ["depthwise2d"]

depthwise2d = conv2d.then(channels("C", "C")).then(grouped("d", "c"))
