import doctest
import math
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch

from cmlstream.models.egemaps import FEATURE_NAMES, LLD_NAMES, FrontEnd, extract, frontend
from tests.models.egemaps.listener import Listener, assert_equal, row_of
from tests.models.egemaps.waveforms import WAVEFORMS, buzz, make, pad, tensor, voices


def test_examples_in_docstrings():
    assert doctest.testmod(frontend).failed == 0


def test_batch_equals_each_alone(front_end):
    waveforms = voices(1.0, 2.3, 0.5, 0.061, 1.7)
    together_BF = front_end(*pad(waveforms))
    for row, waveform in enumerate(waveforms):
        alone_F = front_end(*pad([waveform]))[0]
        torch.testing.assert_close(together_BF[row], alone_F, rtol=1e-5, atol=1e-6)


def test_a_hundred_rows_equal_each_alone(front_end):
    lengths = np.random.default_rng(0).permutation(np.linspace(0, 30000, 100, dtype=int)).tolist()
    names = list(WAVEFORMS) * len(lengths)
    waveforms = [make(names[seed], seed, length) for seed, length in enumerate(lengths)]
    together = front_end.descriptors(*pad(waveforms, 0.7))
    for row, waveform_T in enumerate(waveforms):
        assert_equal(row_of(together, row), row_of(front_end.descriptors(*pad([waveform_T])), 0))


class InBlocks(FrontEnd):
    """Takes a second at a time."""

    block_samples = 16000

    def advance(self, state, waveform_BT, lengths_B, ends_B):
        assert waveform_BT.shape[1] <= self.block_samples
        return super().advance(state, waveform_BT, lengths_B, ends_B)


def test_blocks_of_a_long_waveform(front_end):
    """In blocks, whole and in the pieces of a stream."""
    waveforms = [*voices(4.1, 1.0, 2.0), *[make("noise", n, n) for n in (15999, 16001, 32159, 700, 0)]]
    in_blocks = InBlocks()
    together = in_blocks.descriptors(*pad(waveforms, 0.7))
    listener = Listener(front_end, 1, in_blocks)
    for row, waveform_T in enumerate(waveforms):
        assert_equal(row_of(together, row), front_end.descriptors(*pad([waveform_T])))
        for piece_T in waveform_T.split(3001):
            listener.push([0], [piece_T])
        listener.flush([0])


@pytest.mark.parametrize("padding", [0.7, float("nan")])
def test_padding_is_not_read(front_end, padding):
    waveforms = voices(1.0, 0.6)
    assert torch.equal(front_end(*pad(waveforms)), front_end(*pad(waveforms, padding)))


def test_wider_padding_changes_nothing(front_end):
    waveform_BT, lengths_B = pad(voices(1.0, 0.6))
    wider_BT = torch.nn.functional.pad(waveform_BT, [0, 5000])
    torch.testing.assert_close(
        front_end(wider_BT, lengths_B), front_end(waveform_BT, lengths_B), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "waveform",
    [
        torch.zeros(16000),
        torch.full((16000,), 0.5),
        torch.where(torch.arange(16000) // 40 % 2 == 0, 1.0, -1.0),
        torch.full((16000,), float("nan")),
        torch.where(torch.arange(16000) % 7 == 0, torch.inf, 0.1),
        1e30 * torch.ones(4000),
        torch.ones(1),
        torch.ones(0),
        torch.ones(959),
        torch.ones(960),
        torch.eye(1, 16000)[0],
    ],
    ids=["silence", "constant", "square", "nan", "inf", "huge", "one", "none", "959", "960", "impulse"],
)
def test_bad_input_gives_finite_features(front_end, waveform):
    features_BF = front_end(waveform[None], torch.tensor([len(waveform)]))
    assert features_BF.shape == (1, 88)
    assert features_BF.isfinite().all()
    table = front_end.lld(waveform[None], torch.tensor([len(waveform)]))
    assert table.values_BTD.isfinite().all()


@pytest.mark.parametrize("samples", [0, 1, 959])
def test_no_frame_gives_zeros(front_end, samples):
    waveform_BT = torch.randn(1, samples)
    assert not front_end(waveform_BT, torch.tensor([samples])).any()
    assert front_end.lld(waveform_BT, torch.tensor([samples])).rows_B.tolist() == [0]


def test_no_rows(front_end):
    assert front_end(torch.zeros(0, 100), torch.zeros(0, dtype=torch.int64)).shape == (0, 88)


@pytest.mark.parametrize(("samples", "frames"), [(959, 0), (960, 1), (1119, 1), (1120, 2)])
def test_frames(front_end, samples, frames):
    waveform_BT = 0.1 * torch.randn(1, samples)
    descriptors = front_end.descriptors(waveform_BT, torch.tensor([samples]))
    assert descriptors.long_B.tolist() == [frames]
    assert descriptors.short_B.tolist() == [frames + 4]
    assert front_end.lld(waveform_BT, torch.tensor([samples])).rows_B.tolist() == [
        frames + 1 if frames else 0
    ]


def test_infinite_and_missing_samples_count_as_zero(front_end):
    (waveform_T,) = voices(1.0)
    broken_T, mended_T = waveform_T.clone(), waveform_T.clone()
    broken_T[3000:3004] = torch.tensor([float("nan"), float("inf"), -float("inf"), float("nan")])
    mended_T[3000:3004] = 0.0
    assert torch.equal(front_end(*pad([broken_T])), front_end(*pad([mended_T])))


def test_silence_gives_the_documented_values(front_end):
    features = dict(zip(FEATURE_NAMES, front_end(*pad([torch.zeros(16000)]))[0].tolist(), strict=True))
    assert features["F0semitoneFrom27.5Hz_sma3nz_amean"] == 0.0
    assert features["jitterLocal_sma3nz_amean"] == 0.0
    assert features["F1amplitudeLogRelF0_sma3nz_amean"] == -201.0
    assert features["equivalentSoundLevel_dBp"] == pytest.approx(-120.0)


@pytest.mark.parametrize(
    ("waveform", "lengths", "sentence"),
    [
        (torch.zeros(100), [100], r"\[B, T\]"),
        (torch.zeros(2, 100), [100], r"\[B, T\]"),
        (torch.zeros(1, 100), [101], "between 0 and the samples"),
        (torch.zeros(1, 100), [-1], "between 0 and the samples"),
        (torch.zeros(1, 100, dtype=torch.int16), [100], "divide int16 by 32768"),
    ],
)
def test_input_is_checked(front_end, scripted, waveform, lengths, sentence):
    with pytest.raises(ValueError, match=sentence):
        front_end(waveform, torch.tensor(lengths))
    with pytest.raises(torch.jit.Error, match=sentence):
        scripted(waveform, torch.tensor(lengths))


@pytest.mark.parametrize(
    "waveform", [torch.zeros(16000), torch.full((16000,), 0.3)], ids=["silence", "constant"]
)
def test_what_needs_voicing_is_zero_without_it(front_end, waveform):
    descriptors = front_end.descriptors(*pad([waveform]))
    assert front_end.voiced(descriptors).tolist() == [0]
    features = dict(zip(FEATURE_NAMES, front_end.functionals(descriptors)[0].tolist(), strict=True))
    voice = ("F0", "jitter", "shimmer", "HNR", "logRelF0", "F1f", "F1b", "F2f", "F2b", "F3f", "F3b")
    needing = [name for name in FEATURE_NAMES if name.startswith(voice) or "V_" in name.replace("UV_", "")]
    needing += ["slopeV0-500_sma3nz_amean", "VoicedSegmentsPerSec", "MeanVoicedSegmentLengthSec"]
    assert len(needing) > 45
    assert {name: features[name] for name in needing if features[name] != 0.0} == {}
    levels = [features[f"F{number}amplitudeLogRelF0_sma3nz_amean"] for number in (1, 2, 3)]
    assert levels == [-201.0] * 3


def test_voiced_frames_are_counted(front_end):
    counts = front_end.voiced(front_end.descriptors(*pad([tensor(buzz(120.0, 16000)), torch.zeros(16000)])))
    assert counts[0] > 80
    assert counts[1] == 0


def test_a_thousand_rows_of_different_lengths(front_end):
    lengths_B = torch.randint(0, 6000, (1000,), generator=torch.Generator().manual_seed(0))
    waveform_BT = 0.1 * torch.randn(1000, 6000, generator=torch.Generator().manual_seed(1))
    features_BF = front_end(waveform_BT, lengths_B)
    assert features_BF.isfinite().all()
    for row in (0, 499, 999):
        alone_BF = front_end(waveform_BT[row : row + 1], lengths_B[row : row + 1])
        torch.testing.assert_close(features_BF[row], alone_BF[0], rtol=1e-5, atol=1e-6)


def test_scripted_equals_eager(front_end, scripted):
    batch = pad(voices(1.0, 2.0, 0.3))
    assert torch.equal(scripted(*batch), front_end(*batch))
    assert torch.equal(scripted.lld(*batch).values_BTD, front_end.lld(*batch).values_BTD)
    descriptors = scripted.descriptors(*batch)
    assert torch.equal(scripted.functionals(descriptors), front_end(*batch))


BARE_PROGRAM = """
import importlib.util, sys
sys.path.append("packages")
import torch
for name in ("cmlstream", "numpy"):
    assert importlib.util.find_spec(name) is None, f"{name} can be imported here, so this shows nothing"
front_end = torch.jit.load("front_end.pt")
waveform_BT, lengths_B, features_BF, expected = torch.load("expected.pt")
state, pieces = front_end.begin(2), []
with torch.jit.optimized_execution(False):
    torch.testing.assert_close(front_end(waveform_BT, lengths_B), features_BF, rtol=1e-5, atol=1e-6)
    for first in range(0, waveform_BT.shape[1], 1500):
        piece_BT = waveform_BT[:, first : first + 1500]
        piece_lengths_B = (lengths_B - first).clamp(0, piece_BT.shape[1])
        state, new = front_end.advance(state, piece_BT, piece_lengths_B, lengths_B <= first + 1500)
        pieces.append(new)
for table, count in (("spectral_BTD", "short_B"), ("frequency_BU", "long_B"), ("voice_BUD", "long_B")):
    for row in range(2):
        joined = torch.cat([getattr(new, table)[row, : getattr(new, count)[row]] for new in pieces])
        whole = expected[table][row, : expected[count][row]]
        torch.testing.assert_close(joined, whole, rtol=1e-6, atol=1e-9)
decided_B = torch.stack([new.decided_B for new in pieces]).sum(0)
assert torch.equal(decided_B, expected["decided_B"])
"""


def link_torch_alone(folder: Path) -> None:
    """Fill a folder with torch and what it asks for, and nothing else."""
    folder.mkdir()
    waiting, linked = ["torch"], set()
    while waiting:
        name = waiting.pop()
        linked.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # asked for on other systems only
        for top in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(package.locate_file(top)).resolve())
        required = [line for line in package.requires or [] if "extra ==" not in line]
        waiting += {re.match(r"[\w.-]+", line)[0] for line in required} - linked


def test_runs_in_a_bare_torch(front_end, scripted, tmp_path):
    """Whole and streamed, in an interpreter that has torch and nothing of ours."""
    batch = pad(voices(1.0, 0.7))
    link_torch_alone(tmp_path / "packages")
    scripted.save(str(tmp_path / "front_end.pt"))
    expected = front_end.descriptors(*batch)._asdict()
    torch.save([*batch, front_end(*batch), expected], tmp_path / "expected.pt")
    command = [sys.executable, "-I", "-S", "-c", BARE_PROGRAM]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert finished.returncode == 0, finished.stderr


def test_louder_is_louder(front_end):
    (waveform_T,) = voices(1.0)
    features_BF = front_end(*pad([waveform_T * gain for gain in (0.1, 0.3, 1.0)]))
    loudness_B = features_BF[:, FEATURE_NAMES.index("loudness_sma3_amean")]
    level_B = features_BF[:, FEATURE_NAMES.index("equivalentSoundLevel_dBp")]
    assert (loudness_B.diff() > 0).all()
    assert level_B.diff().tolist() == pytest.approx([20 * math.log10(3), 20 * math.log10(10 / 3)], abs=0.1)


def test_formants_of_every_frame_in_the_table_only(front_end):
    noise_T = 0.05 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    descriptors = front_end.descriptors(*pad([noise_T]))
    unvoiced_BU = descriptors.frequency_BU == 0
    assert unvoiced_BU.any()
    assert not descriptors.voice_BUD[unvoiced_BU][:, [5, 6, 8, 9, 11, 12]].any()
    table_TD = front_end.lld(*pad([noise_T])).values_BTD[0]
    assert (table_TD[:, LLD_NAMES.index("F1frequency_sma3nz")] > 0).all()


@pytest.mark.parametrize("hertz", [70, 110, 200, 320, 480])
def test_pitch_of_a_buzz(front_end, hertz):
    descriptors = front_end.descriptors(*pad([tensor(buzz(hertz, 16000))]))
    inner_U = descriptors.frequency_BU[0, 2:-2]
    assert (inner_U / hertz - 1).abs().max() < 0.01
    assert descriptors.voice_BUD[0, 5:-5, 0].max() < 0.02


def test_extract_names_the_features():
    waveform_T = tensor(buzz(110, 16000))
    features = extract(waveform_T)
    assert tuple(features) == FEATURE_NAMES
    assert features["F0semitoneFrom27.5Hz_sma3nz_amean"] == pytest.approx(24, abs=0.1)
    with pytest.raises(ValueError, match="44100"):
        extract(waveform_T, 44100)
