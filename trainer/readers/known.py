"""Every reader under the name it has on the command line."""

from collections.abc import Mapping

from . import acted
from .audformat import AudformatDatabase
from .base import Reader
from .crema import CremaD
from .iemocap import Iemocap
from .improv import MspImprov

NAMED = (
    *(acted.AESDD, acted.CAFE, acted.EMODB, acted.EMOVO, acted.NEMO),
    *(acted.RAVDESS, acted.SAVEE, acted.TESS, acted.URDU),
)

READERS: Mapping[str, Reader] = {
    **{corpus.corpus: corpus for corpus in NAMED},
    "audformat": AudformatDatabase(),
    "crema_d": CremaD(),
    "iemocap": Iemocap(),
    "msp_improv": MspImprov(),
}
