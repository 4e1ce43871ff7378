"""Small folders that look like corpora: every recording is a tenth of a second of quiet."""

from pathlib import Path

import numpy as np
import soundfile


def plant(folder: Path, *names: str) -> Path:
    """Recordings of these names below a folder; those of an unknown ending are WAV files all the same."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(1600, np.int16), 16_000, format="WAV")
    return folder


EVALUATION = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"


def plant_iemocap(folder: Path) -> Path:
    utterances = ("F000", "F001", "M000", "M001", "M002")
    plant(folder, *(f"Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_{one}.wav" for one in utterances))
    plant(folder, "Session1/sentences/wav/Ses01M_script03_2b/Ses01M_script03_2b_F007.wav")
    plant(folder, "Session1/dialog/wav/Ses01F_impro01.wav")
    evaluation = folder / EVALUATION
    evaluation.parent.mkdir(parents=True)
    evaluation.write_text(
        "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
        "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.0000, 3.5000]\n"
        "C-E2:\tNeutral;\t()\n"
        "A-E3:\tval 3; act 2; dom  2;\t()\n\n"
        "[10.01 - 11.39]\tSes01F_impro01_F001\texc\t[4.5000, 4.0000, 3.0000]\n"
        "[14.88 - 18.01]\tSes01F_impro01_M000\txxx\t[2.0000, 3.0000, 0.5000]\n"
        "[19.29 - 20.78]\tSes01F_impro01_M001\tfru\t[1.5000, 3.5000, 3.0000]\n"
        "[1.0 - 2.0]\tSes01M_script03_2b_F007\tang\t[5.5000, 4.5000, 3.0000]\n"
        "[3.0 - 4.0]\tSes01F_impro01_F099\tsad\t[oops, 2.0, 2.0]\n"
    )
    return folder


def plant_improv(folder: Path) -> Path:
    plant(
        folder,
        "Audio/session1/S01A/P/MSP-IMPROV-S01A-F01-P-FM01.wav",
        "Audio/session1/S01A/P/MSP-IMPROV-S01A-M01-P-MF02.wav",
        "Audio/session1/S01A/R/MSP-IMPROV-S01A-F01-R-FF01.wav",
        "Audio/session1/S01A/T/MSP-IMPROV-S01A-F01-T-FM09.wav",
    )
    (folder / "Evalution.txt").write_text(
        "UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:3.500000; V:3.200000; D:2.800000 ; N:4.100000;\n"
        "20-p23_1; Neutral; Other; A:2.000000; V:3.000000; D:3.000000; N:4.000000;\n\n"
        "UTD-IMPROV-S01A-M01-P-MF02.avi; X; A:2.000000; V:NaN; D:NaN ; N:NaN;\n\n"
        "UTD-IMPROV-S01A-F01-R-FF01.avi; A; A:1.200000; V:1.500000; D:4.000000 ; N:3.000000;\n"
    )
    return folder
