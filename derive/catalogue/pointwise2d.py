"""One small fully connected layer for every pixel, whatever the place: a network in the network."""

from derive.catalogue.convolution2d import convolution2d
from derive.rules.channels import channels
from derive.rules.pointwise import pointwise

__all__ = ["pointwise2d"]

pointwise2d = convolution2d.then(pointwise()).then(channels())
