"""Channels in F groups that don't mix, each with a filter bank of its own, zero edges."""

from derive.catalogue.conv2d import conv2d
from derive.rules.channels import channels
from derive.rules.grouped import grouped

__all__ = ["grouped2d"]

grouped2d = conv2d.then(channels(groups="F")).then(grouped("f", "g"))
