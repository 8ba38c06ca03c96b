"""Radius 0 with channels: one small fully connected layer for every pixel, a network in the network."""

from derive.catalogue.convolution2d import convolution2d
from derive.rules.boundary import boundary
from derive.rules.channels import channels
from derive.rules.local import local

__all__ = ["pointwise2d"]

pointwise2d = convolution2d.then(local(0)).then(boundary("zero")).then(channels())
