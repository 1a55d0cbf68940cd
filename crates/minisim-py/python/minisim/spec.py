"""Everything that a spec consists of."""

from ._exports import MODELS
from ._models import *  # noqa: F403
from ._models_ext import SpecWarning as SpecWarning

__all__ = [*MODELS, "SpecWarning"]
