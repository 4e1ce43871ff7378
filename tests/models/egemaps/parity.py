"""Agreement with openSMILE 3 (`opensmile` 2.6) on speech: `make parity`, a report in Markdown.

Both sides get the same 16-bit samples. Per functional: Pearson's r and the concordance coefficient over
clips; per descriptor: r over frames (voice descriptors: frames voiced in both); of the pitch: frames whose
voicing differs and gross errors (over 20 %) per frame. The package is a numeric reference and nothing else.
"""

import argparse
import csv
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.egemaps import FEATURE_NAMES, LLD_NAMES, FrontEnd

CORPORA = Path(__file__).parents[4] / "shared" / "corpora"
PITCH = LLD_NAMES.index("F0semitoneFrom27.5Hz_sma3nz")
GROSS_SEMITONES = 12 * np.log2(1.2)
BATCH = 16
Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """The same quantities [samples, columns] from this front end and from the reference."""

    ours: Table
    theirs: Table

    def pearson(self) -> Table:
        centred, reference = self.ours - self.ours.mean(0), self.theirs - self.theirs.mean(0)
        scale = np.sqrt((centred**2).sum(0) * (reference**2).sum(0))
        return (centred * reference).sum(0) / scale

    def concordance(self) -> Table:
        centred, reference = self.ours - self.ours.mean(0), self.theirs - self.theirs.mean(0)
        distance = len(centred) * (self.ours.mean(0) - self.theirs.mean(0)) ** 2
        return 2 * (centred * reference).sum(0) / ((centred**2).sum(0) + (reference**2).sum(0) + distance)

    def relative_error(self) -> Table:
        return np.abs(self.ours - self.theirs).mean(0) / np.abs(self.theirs).mean(0)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Functionals by clip and descriptors by frame, of both sides."""

    functionals: Pair
    descriptors: Pair

    def voicing_errors(self) -> int:
        return int(((self.descriptors.ours[:, PITCH] > 0) != (self.descriptors.theirs[:, PITCH] > 0)).sum())

    def voiced(self) -> Pair:
        both = (self.descriptors.ours[:, PITCH] > 0) & (self.descriptors.theirs[:, PITCH] > 0)
        return Pair(self.descriptors.ours[both], self.descriptors.theirs[both])

    def gross_errors(self) -> int:
        voiced = self.voiced()
        return int((np.abs(voiced.ours[:, PITCH] - voiced.theirs[:, PITCH]) > GROSS_SEMITONES).sum())

    def descriptor_pearson(self) -> Table:
        return np.concatenate([self.descriptors.pearson()[:PITCH], self.voiced().pearson()[PITCH:]])


def emotional_clips(corpora: Path, clips: int | None) -> list[Path]:
    """All clips with an emotion, or `clips` of them spread evenly over the manifest, and so over corpora."""
    with (corpora / "manifest.csv").open(newline="") as manifest:
        paths = [corpora / row["path"] for row in csv.DictReader(manifest) if row["emotion"]]
    if clips is None or clips >= len(paths):
        return paths
    return [paths[int(place)] for place in np.linspace(0, len(paths) - 1, clips)]


def read(path: Path) -> NDArray[np.float32]:
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == SAMPLE_RATE, f"{path.name} is at {rate} Hz"
    return np.asarray(samples)


def compare_waveforms(waveforms: list[NDArray[np.float32]]) -> Comparison:
    """Run both sides over the same waveforms."""
    import opensmile

    levels = opensmile.FeatureLevel
    functionals = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, levels.Functionals)
    descriptors = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, levels.LowLevelDescriptors)
    their_functionals = [functionals.process_signal(waveform, SAMPLE_RATE).values for waveform in waveforms]
    their_descriptors = [descriptors.process_signal(waveform, SAMPLE_RATE).values for waveform in waveforms]
    front_end = FrontEnd()
    our_functionals, our_descriptors = [], []
    for first in range(0, len(waveforms), BATCH):
        batch = waveforms[first : first + BATCH]
        lengths_B = torch.tensor([len(waveform) for waveform in batch])
        tensors = [torch.from_numpy(waveform) for waveform in batch]
        waveform_BT = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
        with torch.inference_mode():
            our_functionals.append(front_end(waveform_BT, lengths_B).numpy())
            table = front_end.lld(waveform_BT, lengths_B)
        rows = zip(table.values_BTD, table.rows_B.tolist(), strict=True)
        our_descriptors += [values_TD[:count].numpy() for values_TD, count in rows]
    return Comparison(
        Pair(np.concatenate(our_functionals).astype(float), np.concatenate(their_functionals).astype(float)),
        Pair(np.concatenate(our_descriptors).astype(float), np.concatenate(their_descriptors).astype(float)),
    )


def compare_files(paths: list[Path]) -> Comparison:
    torch.set_num_threads(1)
    return compare_waveforms([read(path) for path in paths])


def compare_in_parallel(paths: list[Path], processes: int) -> Comparison:
    shares = [paths[first : first + 64] for first in range(0, len(paths), 64)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(compare_files, shares))
    pairs = [[part.functionals for part in parts], [part.descriptors for part in parts]]
    whole = [
        Pair(np.concatenate([pair.ours for pair in group]), np.concatenate([pair.theirs for pair in group]))
        for group in pairs
    ]
    return Comparison(*whole)


def report(comparison: Comparison) -> str:
    """The report in Markdown, functionals that agree least first."""
    pair, frames = comparison.functionals, len(comparison.descriptors.ours)
    pearson, concordance, error = pair.pearson(), pair.concordance(), pair.relative_error()
    order = np.argsort(np.minimum(pearson, concordance))
    descriptor_pearson = comparison.descriptor_pearson()
    lines = [
        "# Agreement with openSMILE",
        "",
        f"{len(pair.ours)} clips, {frames} frames; `make parity` makes this file.",
        "",
        "| | |",
        "|---|---|",
        f"| median r, median CCC over clips | {np.median(pearson):.8f}, {np.median(concordance):.8f} |",
        f"| of 88 functionals, r, CCC below .99 | {(pearson < 0.99).sum()}, {(concordance < 0.99).sum()} |",
        f"| frames whose voicing differs | {comparison.voicing_errors()} |",
        f"| gross pitch errors (over 20 %) | {comparison.gross_errors()} |",
        "",
        "| functional | r | CCC | mean relative error |",
        "|---|---|---|---|",
        *(
            f"| {FEATURE_NAMES[i]} | {pearson[i]:.6f} | {concordance[i]:.6f} | {error[i]:.1e} |"
            for i in order
        ),
        "",
        "| descriptor, by frame | r |",
        "|---|---|",
        *(f"| {name} | {descriptor_pearson[i]:.6f} |" for i, name in enumerate(LLD_NAMES)),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, help="spread evenly over the corpora; default: all")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, help="default: standard output")
    arguments = parser.parse_args()
    text = report(compare_in_parallel(emotional_clips(CORPORA, arguments.clips), arguments.processes))
    if arguments.output is None:
        print(text, end="")
    else:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
