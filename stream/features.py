"""The 88 eGeMAPS functionals of whole files, as a table under openSMILE's column names."""

from __future__ import annotations

import csv
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import torch
from rich.console import Console
from rich.progress import track

from cmlstream.models.contract import FULL_SCALE
from cmlstream.models.egemaps import FrontEnd
from cmlstream.models.egemaps.names import FEATURE_NAMES
from cmlstream.models.errors import InputError

from .sources.file import read_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def write_features(paths: Sequence[Path], output: Path | None) -> None:
    """Write one row per file to `output`, or to standard output, in the order of `paths`.

    A file that cannot be read is left out, and the rest is written all the same; the InputError raised at the
    end names all of those.
    """
    front_end = FrontEnd()
    failures: list[str] = []
    with _table(output) as table:
        rows = csv.writer(table)
        rows.writerow(("file", *FEATURE_NAMES))
        for path in track(paths, "features", console=Console(stderr=True), disable=not sys.stderr.isatty()):
            try:
                rows.writerow((path, *functionals(front_end, path)))
            except InputError as error:
                failures.append(str(error))
        if len(failures) == len(paths):
            raise InputError("; ".join(failures))
    if failures:
        raise InputError("; ".join(failures))


def functionals(front_end: FrontEnd, path: Path) -> list[float]:
    """Return the 88 functionals of the file at `path`, mixed to mono at 16 kHz; raises InputError."""
    waveform_BT = torch.from_numpy(read_whole(path)).unsqueeze(0) / FULL_SCALE
    with torch.inference_mode():
        features_BF = front_end(waveform_BT, torch.tensor([waveform_BT.shape[1]]))
    row: list[float] = features_BF[0].tolist()
    return row


@contextmanager
def _table(output: Path | None) -> Iterator[TextIO]:
    """Open the table; a file is written aside and renamed, so that half of one is never taken for whole."""
    if output is None:
        yield sys.stdout
        return
    aside = output.with_name(f"{output.name}.part")
    try:
        with aside.open("w", encoding="utf-8", newline="") as table:
            yield table
        aside.replace(output)
    except OSError as error:
        raise InputError(
            f"{output} cannot be written ({error.strerror}): name another place with -o"
        ) from error
    finally:
        aside.unlink(missing_ok=True)
