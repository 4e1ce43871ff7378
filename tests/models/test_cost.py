import pytest
import torch

from cmlstream.models import archive
from tests.models import cost


def test_multiply_adds_of_what_is_known() -> None:
    linear, row_BF = torch.nn.Linear(10, 20), torch.zeros(3, 10)
    assert cost.multiply_adds(lambda: linear(row_BF)) == 3 * 10 * 20
    waveform_BT = torch.zeros(2, 1024)
    spectrum_BK = torch.fft.rfft(waveform_BT)
    expected = 2 * 1.25 * 1024 * 10
    assert cost.multiply_adds(lambda: torch.fft.rfft(waveform_BT)) == expected
    assert cost.multiply_adds(lambda: torch.fft.irfft(spectrum_BK)) == expected


def test_our_parts_count_what_they_hold() -> None:
    update, window, behind = cost.ours(archive.load(archive.default_path()).script)
    # A weight of a linear layer is multiplied once, its bias added.
    assert behind.parameters * 0.95 < behind.multiply_adds < behind.parameters
    assert update.parameters == window.parameters == 0
    assert 0 < 4 * update.multiply_adds < window.multiply_adds


def test_the_table_holds_each_part_and_the_ratios() -> None:
    small, large = cost.Cost("small", 20, 2e6, 0.5), cost.Cost("large", 4_000, 5e9, 40.0)
    assert cost.row(large) == "| large | 4,000 | 5,000.00 | 40.00 |"
    assert cost.ratio("more", large, small) == "| more | 200 x | 2,500 x | 80 x |"
    assert (small + large) == cost.Cost("small", 4_020, 5.002e9, 40.5)


@pytest.mark.slow
def test_the_transformer_is_of_the_size_that_its_authors_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    """95 million weights, in the first table of Baevski et al., "wav2vec 2.0" (NeurIPS 2020)."""
    monkeypatch.setattr(cost, "TRANSFORMER_REPEATS", 1)
    found = cost.transformer()
    assert found.parameters == pytest.approx(95e6, rel=0.01)
    assert found.multiply_adds > 100 * found.parameters
