"""eGeMAPS v02 in torch: a waveform's 25 low-level descriptors and their 88 functionals.

Batched over padded waveforms and scriptable, so that it travels inside a model archive::

    waveform_BT [B, T] in [-1, 1) at 16 kHz, lengths_B -> FrontEnd() -> features_BF [B, 88]

Each family of descriptors has a module, which opens with its definition, its source and its quirks.
"""

from .frontend import FrontEnd, extract
from .functionals import Descriptors
from .names import FEATURE_NAMES, LLD_NAMES

__all__ = ["FEATURE_NAMES", "LLD_NAMES", "Descriptors", "FrontEnd", "extract"]
