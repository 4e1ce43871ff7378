import pytest
import torch

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.affect import prior_of as prior_of_model
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.egemaps import FrontEnd
from cmlstream.models.errors import CmlstreamError
from cmlstream.trainer.agreement import TOLERANCE, check_same, check_scripted, check_streamed
from cmlstream.trainer.reference import batched, reference_audio
from tests.trainer.small_model import small_model


class TwoFaced(FrontEnd):
    """Answers otherwise when it is scripted."""

    def forward(self, waveform_BT: torch.Tensor, lengths_B: torch.Tensor) -> torch.Tensor:
        features_BF = self.functionals(self.descriptors(waveform_BT, lengths_B))
        return features_BF * 1.01 if torch.jit.is_scripting() else features_BF


class Impatient(FrontEnd):
    """Answers whole audio otherwise than what it hears bit by bit."""

    def forward(self, waveform_BT: torch.Tensor, lengths_B: torch.Tensor) -> torch.Tensor:
        return self.functionals(self.descriptors(waveform_BT, lengths_B)) * 1.001


@pytest.fixture(scope="module")
def model() -> AffectModel:
    return small_model()


def with_front_end(model: AffectModel, front_end: FrontEnd) -> AffectModel:
    calibration = Calibration(temperature=model.temperature)
    return AffectModel(front_end, prior_of_model(model), model.encoder, model.head, calibration).eval()


def test_reference_audio_is_sound_in_range_and_always_the_same() -> None:
    pieces = reference_audio()
    assert [len(piece_T) for piece_T in pieces] == [3 * SAMPLE_RATE, 2 * SAMPLE_RATE, SAMPLE_RATE]
    waveform_BT, lengths_B = batched(pieces)
    assert waveform_BT.shape == (3, 3 * SAMPLE_RATE)
    assert lengths_B.tolist() == [len(piece_T) for piece_T in pieces]
    assert waveform_BT.min() >= -1
    assert waveform_BT.max() < 1
    assert not waveform_BT[2, SAMPLE_RATE:].any()
    assert torch.equal(waveform_BT, batched(reference_audio())[0])


def test_a_sound_model_agrees_with_itself(model: AffectModel) -> None:
    scripted = archive.script(model)
    check_scripted(model, scripted)
    check_streamed(scripted)


def test_a_model_that_scripting_changes_is_found(model: AffectModel) -> None:
    two_faced = with_front_end(model, TwoFaced())
    with pytest.raises(CmlstreamError, match=r"Scripting changed `\w+` by .*: nothing was written"):
        check_scripted(two_faced, archive.script(two_faced))


def test_a_model_that_streaming_changes_is_found(model: AffectModel) -> None:
    impatient = with_front_end(model, Impatient())
    scripted = archive.script(impatient)
    check_scripted(impatient, scripted)
    with pytest.raises(CmlstreamError, match=r"Streaming changed `\w+` by .*: nothing was written"):
        check_streamed(scripted)


def test_answers_may_differ_by_rounding_and_no_more() -> None:
    one_B = torch.tensor([0.0, 1.0, 500.0])
    check_same("Nothing", {"here": one_B}, {"here": one_B + 0.9 * TOLERANCE})
    check_same("Nothing", {"here": one_B}, {"here": one_B * (1 + 0.9 * TOLERANCE)})
    with pytest.raises(CmlstreamError, match=r"Rounding changed `here` by 0\.0002"):
        check_same("Rounding", {"here": one_B}, {"here": one_B + 2 * TOLERANCE * (one_B == 0)})
    with pytest.raises(CmlstreamError, match="Chance changed `here` by nan"):
        check_same("Chance", {"here": one_B}, {"here": one_B * torch.nan})
