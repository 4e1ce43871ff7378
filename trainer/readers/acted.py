"""Corpora by their file names. The conventions are those of each corpus's own documentation.

A folder's name is never believed, even where the corpus is sorted by emotion: the file's name says the same.
How strongly an emotion was acted (RAVDESS, CaFE) has no column in a manifest and is left out.
"""

from collections.abc import Callable

from .base import Emotion
from .named import NamedCorpus


def _odd_is_male(speaker: str) -> str:
    return "m" if int(speaker) % 2 else "f"


def _first_letter(speaker: str) -> str:
    return speaker[0].lower()


def _women(*women: str) -> Callable[[str], str]:
    return lambda speaker: "f" if speaker in women else "m"


def _always(sex: str) -> Callable[[str], str]:
    return lambda _: sex


EMODB = NamedCorpus(
    corpus="emodb",
    language="de",
    example="16a02Wb.wav",
    pattern=r"(?P<speaker>03|08|09|1[0-6])(?P<text>[ab]\d\d)(?P<emotion>[AEFLNTW])[a-z]?",
    emotions={
        "A": Emotion.FEAR,  # Angst
        "E": Emotion.DISGUST,  # Ekel
        "F": Emotion.HAPPINESS,  # Freude
        "L": Emotion.BOREDOM,  # Langeweile
        "N": Emotion.NEUTRAL,
        "T": Emotion.SADNESS,  # Trauer
        "W": Emotion.ANGER,  # Wut
    },
    sex=_women("08", "09", "13", "14", "16"),
)

# Modality 03 is audio alone and 01 the sound of a film; channel 01 is speech, and 02, song, is left aside.
RAVDESS = NamedCorpus(
    corpus="ravdess",
    language="en",
    example="03-01-05-01-02-01-12.wav, of speech",
    pattern=r"0[13]-01-(?P<emotion>0[1-8])-0[12]-(?P<text>0[12])-0[12]-(?P<speaker>[01]\d|2[0-4])",
    emotions={
        "01": Emotion.NEUTRAL,
        "02": Emotion.CALM,
        "03": Emotion.HAPPINESS,
        "04": Emotion.SADNESS,
        "05": Emotion.ANGER,
        "06": Emotion.FEAR,
        "07": Emotion.DISGUST,
        "08": Emotion.SURPRISE,
    },
    sex=_odd_is_male,
)

NEMO = NamedCorpus(
    corpus="nemo",
    language="pl",
    example="KS0_anger_12.wav",
    pattern=(
        r"(?P<speaker>EB0|IC0|KD0|KS0|MK0|MP0|SM0|TP0|WR0)"
        r"_(?P<emotion>anger|fear|happiness|neutral|sadness|surprised)_(?P<text>\d+)"
    ),
    emotions={
        "anger": Emotion.ANGER,
        "fear": Emotion.FEAR,
        "happiness": Emotion.HAPPINESS,
        "neutral": Emotion.NEUTRAL,
        "sadness": Emotion.SADNESS,
        "surprised": Emotion.SURPRISE,
    },
    sex=_women("EB0", "IC0", "KD0", "MK0"),
)

URDU = NamedCorpus(
    corpus="urdu",
    language="ur",
    example="SM1_F1_A01.wav",
    pattern=r"S(?P<speaker>[FM]\d+)_F\d+_(?P<emotion>[AHNS])\d+",
    emotions={
        "A": Emotion.ANGER,
        "H": Emotion.HAPPINESS,
        "N": Emotion.NEUTRAL,
        "S": Emotion.SADNESS,
    },
    sex=_first_letter,
)

EMOVO = NamedCorpus(
    corpus="emovo",
    language="it",
    example="dis-f1-b1.wav",
    pattern=r"(?P<emotion>dis|gio|neu|pau|rab|sor|tri)-(?P<speaker>[fm]\d)-(?P<text>[bdln]\d)",
    emotions={
        "dis": Emotion.DISGUST,  # disgusto
        "gio": Emotion.HAPPINESS,  # gioia
        "neu": Emotion.NEUTRAL,
        "pau": Emotion.FEAR,  # paura
        "rab": Emotion.ANGER,  # rabbia
        "sor": Emotion.SURPRISE,  # sorpresa
        "tri": Emotion.SADNESS,  # tristezza
    },
    sex=_first_letter,
)

CAFE = NamedCorpus(
    corpus="cafe",
    language="fr",
    example="01-C-1-1.wav",
    pattern=r"(?P<speaker>0[1-9]|1[0-2])-(?P<emotion>[CDJNPST])-[12]-(?P<text>[1-6])",
    emotions={
        "C": Emotion.ANGER,  # colère
        "D": Emotion.DISGUST,  # dégoût
        "J": Emotion.HAPPINESS,  # joie
        "N": Emotion.NEUTRAL,
        "P": Emotion.FEAR,  # peur
        "S": Emotion.SURPRISE,
        "T": Emotion.SADNESS,  # tristesse
    },
    sex=_odd_is_male,
)

# A letter at the end tells takes apart. Which of the actors are women is told nowhere in the files.
AESDD = NamedCorpus(
    corpus="aesdd",
    language="el",
    example="a03 (4).wav",
    pattern=r"(?P<emotion>[adfhs])(?P<text>\d\d) ?\((?P<speaker>\d)\)[a-z]?",
    emotions={
        "a": Emotion.ANGER,
        "d": Emotion.DISGUST,
        "f": Emotion.FEAR,
        "h": Emotion.HAPPINESS,
        "s": Emotion.SADNESS,
    },
    sex=_always(""),
)

SAVEE = NamedCorpus(
    corpus="savee",
    language="en",
    example="DC_a01.wav or DC/a01.wav",
    pattern=r"(?P<speaker>DC|JE|JK|KL)[/_](?P<emotion>sa|su|[adfhn])(?P<text>\d\d)",
    emotions={
        "a": Emotion.ANGER,
        "d": Emotion.DISGUST,
        "f": Emotion.FEAR,
        "h": Emotion.HAPPINESS,
        "n": Emotion.NEUTRAL,
        "sa": Emotion.SADNESS,
        "su": Emotion.SURPRISE,
    },
    sex=_always("m"),
)

# Two women, the older (OAF) and the younger (YAF); one of the 2800 files lost its F.
TESS = NamedCorpus(
    corpus="tess",
    language="en",
    example="OAF_back_angry.wav",
    pattern=r"(?P<speaker>OA|YA)F?_(?P<text>[a-z]+)_(?P<emotion>angry|disgust|fear|happy|neutral|ps|sad)",
    emotions={
        "angry": Emotion.ANGER,
        "disgust": Emotion.DISGUST,
        "fear": Emotion.FEAR,
        "happy": Emotion.HAPPINESS,
        "neutral": Emotion.NEUTRAL,
        "ps": Emotion.SURPRISE,  # pleasant surprise
        "sad": Emotion.SADNESS,
    },
    sex=_always("f"),
)
