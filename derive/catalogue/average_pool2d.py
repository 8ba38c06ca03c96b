"""Average pooling: the mean of every 2 × 2 block, a depthwise convolution with fixed weights and stride 2."""

from derive.catalogue.convolution2d import convolution2d
from derive.forms.support import Box
from derive.rules.boundary import boundary
from derive.rules.channels import channels
from derive.rules.depthwise import depthwise
from derive.rules.fixed import fixed
from derive.rules.local import local
from derive.rules.strided import strided

__all__ = ["average_pool2d"]

average_pool2d = (
    convolution2d.then(local(Box(0, 1)))
    .then(channels("C", "C"))
    .then(depthwise())
    .then(boundary("valid"))
    .then(strided(2))
    .then(fixed([[1, 1], [1, 1]], scale="1/4"))
)
