"""Translation invariance: every channel is summed over the whole image, with one weight and one bias."""

from derive.derivation import dense
from derive.groups.translations import Translations
from derive.rules.channels import channels
from derive.rules.depthwise import depthwise
from derive.rules.invariant import invariant

__all__ = ["global_pool2d"]

global_pool2d = dense(rank=2, places=False).then(channels("C", "C")).then(invariant(Translations())).then(depthwise())
