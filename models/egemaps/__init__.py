"""eGeMAPS v02 in torch: a waveform's 25 low-level descriptors and their 88 functionals.

For padded batches of whole waveforms, and for live streams that get any number of samples at a time;
scriptable, so that it travels inside a model archive::

    FrontEnd()(waveform_BT, lengths_B)   whole waveforms [B, T] in [-1, 1) at 16 kHz -> features_BF [B, 88]
    Streams(FrontEnd(), 32).push(...)    more samples of some streams -> the descriptors that they decide
    extract(waveform)                    one waveform -> the functionals by name

Each family of descriptors has a module, which opens with its definition, source, delay and quirks.
"""

from .frontend import FrontEnd, extract
from .functionals import Descriptors
from .names import FEATURE_NAMES, LLD_NAMES
from .stream import Streams

__all__ = ["FEATURE_NAMES", "LLD_NAMES", "Descriptors", "FrontEnd", "Streams", "extract"]
