import doctest
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from cmlstream.models.egemaps import FEATURE_NAMES, LLD_NAMES, extract, frontend
from tests.signals import speech_like

FORMANTS = torch.tensor(["bandwidth" in name or "frequency" in name for name in FEATURE_NAMES])


def voices(*durations_s: float) -> list[torch.Tensor]:
    return [
        torch.from_numpy(speech_like(duration_s, seed, pitch_hz=90.0 + 60 * seed).astype(np.float32) / 32768)
        for seed, duration_s in enumerate(durations_s)
    ]


def pad(waveforms: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    lengths_B = torch.tensor([len(waveform) for waveform in waveforms])
    return torch.nn.utils.rnn.pad_sequence(waveforms, batch_first=True), lengths_B


def test_examples_in_docstrings():
    assert doctest.testmod(frontend).failed == 0


def test_batch_equals_each_alone(front_end):
    waveforms = voices(1.0, 2.3, 0.5, 0.061, 1.7)
    together_BF = front_end(*pad(waveforms))
    for row, waveform in enumerate(waveforms):
        alone_F = front_end(*pad([waveform]))[0]
        torch.testing.assert_close(together_BF[row], alone_F, rtol=1e-5, atol=1e-6)


def test_padding_is_not_read(front_end):
    waveform_BT, lengths_B = pad(voices(1.0, 0.6))
    noisy_BT = waveform_BT.clone()
    noisy_BT[1, int(lengths_B[1]) :] = float("nan")
    assert torch.equal(front_end(waveform_BT, lengths_B), front_end(noisy_BT, lengths_B))


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


def test_shapes_are_checked(front_end):
    with pytest.raises(ValueError, match=r"\[B, T\]"):
        front_end(torch.zeros(100), torch.tensor([100]))
    with pytest.raises(ValueError, match=r"\[B, T\]"):
        front_end(torch.zeros(2, 100), torch.tensor([100]))


def test_scripted_equals_eager(front_end, scripted):
    batch = pad(voices(1.0, 2.0, 0.3))
    assert torch.equal(scripted(*batch), front_end(*batch))
    assert torch.equal(scripted.lld(*batch).values_BTD, front_end.lld(*batch).values_BTD)
    descriptors = scripted.descriptors(*batch)
    assert torch.equal(scripted.functionals(descriptors), front_end(*batch))


def test_runs_in_a_bare_torch(front_end, scripted, tmp_path):
    batch = pad(voices(1.0, 0.7))
    expected_BF = front_end(*batch)
    scripted.save(str(tmp_path / "front_end.pt"))
    torch.save([*batch, expected_BF], tmp_path / "batch.pt")
    program = """
import sys, torch
waveform_BT, lengths_B, expected_BF = torch.load("batch.pt")
features_BF = torch.jit.load("front_end.pt")(waveform_BT, lengths_B)
assert not any(name.startswith("cmlstream") for name in sys.modules)
torch.testing.assert_close(features_BF, expected_BF, rtol=1e-5, atol=1e-6)
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)


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


def buzz(hertz: float) -> torch.Tensor:
    """What a larynx alone would sound like."""
    phase_T = torch.arange(16000, dtype=torch.float64) * hertz / 16000
    return (0.8 * torch.exp(-8.0 * (phase_T % 1.0))).float()


@pytest.mark.parametrize("hertz", [70, 110, 200, 320, 480])
def test_pitch_of_a_buzz(front_end, hertz):
    descriptors = front_end.descriptors(*pad([buzz(hertz)]))
    inner_U = descriptors.frequency_BU[0, 2:-2]
    assert (inner_U / hertz - 1).abs().max() < 0.01
    assert descriptors.voice_BUD[0, 5:-5, 0].max() < 0.02


def test_extract_names_the_features():
    features = extract(buzz(110))
    assert tuple(features) == FEATURE_NAMES
    assert features["F0semitoneFrom27.5Hz_sma3nz_amean"] == pytest.approx(24, abs=0.1)
    with pytest.raises(ValueError, match="44100"):
        extract(buzz(110), 44100)
