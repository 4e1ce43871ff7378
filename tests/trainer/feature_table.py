"""Invented features as a file: what commands can be run on without any audio."""

import csv
from pathlib import Path

from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.trainer.table import FeatureTable


def write_features(path: Path, table: FeatureTable) -> Path:
    """A row for each clip: its region, and what is known of it."""
    known = ("speaker", "emotion", "corpus", "language", "role", "activation", "valence")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", *known, *FEATURE_NAMES])
        for number, (clip, features_F) in enumerate(
            zip(table.clips, table.features_NF[table.whole_N], strict=True)
        ):
            cells = [getattr(clip, name) for name in known]
            writer.writerow([f"{number}.wav", *("" if cell != cell else cell for cell in cells), *features_F])
    return path
