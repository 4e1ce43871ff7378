from itertools import combinations
from math import log, nan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cmlstream.models.errors import ConfigurationError
from cmlstream.trainer.losses import (
    VARIANTS,
    Targets,
    Variant,
    cluster_metric,
    continuous_metric_loss,
    line_metric,
    metric_of,
    pair_sums,
    ratio_metric,
)


def pairs(label_B: Tensor, group_B: Tensor) -> list[tuple[int, int]]:
    """All pairs i < j of labelled clips of one group, by the book."""
    return [
        (i, j)
        for i, j in combinations(range(len(label_B)), 2)
        if group_B[i] == group_B[j] and not label_B[i].isnan() and not label_B[j].isnan()
    ]


def literal_line_metric(latent_BD: Tensor, label_B: Tensor, group_B: Tensor) -> float:
    e = torch.tensor([(latent_BD[i] - latent_BD[j]).mean() for i, j in pairs(label_B, group_B)])
    l = torch.tensor([label_B[i] - label_B[j] for i, j in pairs(label_B, group_B)])  # noqa: E741  (the paper's letter)
    b = (l * e).sum() / (l**2).sum()
    return float((b - 1).abs() + ((b * l - e) ** 2).mean())


def literal_ratio_metric(latent_BD: Tensor, label_B: Tensor, group_B: Tensor) -> float:
    logarithms = [
        abs(float((latent_BD[i] - latent_BD[j]).mean() / (label_B[i] - label_B[j])) - 1)
        for i, j in pairs(label_B, group_B)
        if label_B[i] != label_B[j]
    ]
    return sum(log(value) for value in logarithms) / len(logarithms)


def literal_cluster_metric(latent_BD: Tensor, emotion_B: Tensor) -> float:
    members = {
        int(k): [z[:2] for z, e in zip(latent_BD, emotion_B, strict=True) if e == k]
        for k in emotion_B
        if k >= 0
    }
    centroids = {k: torch.stack(points).mean(0) for k, points in members.items()}
    within = sum(float((point - centroids[k]).norm()) for k, points in members.items() for point in points)
    between = sum(float((centroids[i] - centroids[j]).norm().sqrt()) for i, j in combinations(centroids, 2))
    return within / between


def random_batch(seed: int, size: int = 14, groups: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    latent_BD = torch.randn(size, 4, generator=generator)
    label_B = torch.randint(2, 11, (size,), generator=generator).double() / 2
    label_B[torch.rand(size, generator=generator) < 0.25] = nan
    return latent_BD, label_B, torch.randint(groups, (size,), generator=generator)


@given(st.integers(0, 2**31), st.integers(1, 4))
def test_line_metric_equals_its_pairwise_form(seed: int, groups: int) -> None:
    latent_BD, label_B, group_B = random_batch(seed, groups=groups)
    if not any(label_B[i] != label_B[j] for i, j in pairs(label_B, group_B)):
        assert line_metric(latent_BD, label_B, group_B) == 0
        return
    expected = literal_line_metric(latent_BD, label_B, group_B)
    assert float(line_metric(latent_BD, label_B, group_B)) == pytest.approx(expected, rel=1e-4, abs=1e-5)


@given(st.integers(0, 2**31))
def test_ratio_metric_equals_its_pairwise_form(seed: int) -> None:
    latent_BD, label_B, group_B = random_batch(seed, groups=1)
    expected = literal_ratio_metric(latent_BD, label_B, group_B)
    assert float(ratio_metric(latent_BD, label_B, group_B)) == pytest.approx(expected, rel=1e-3, abs=1e-4)


@given(st.integers(0, 2**31))
def test_cluster_metric_equals_its_literal_form(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    latent_BD = torch.randn(12, 4, generator=generator)
    emotion_B = torch.cat([torch.tensor([0, 1]), torch.randint(-1, 4, (10,), generator=generator)])
    expected = literal_cluster_metric(latent_BD, emotion_B)
    assert float(cluster_metric(latent_BD, emotion_B)) == pytest.approx(expected, rel=1e-4)


def test_a_latent_that_follows_the_label_has_no_line_metric() -> None:
    label_B = torch.tensor([1.0, 2.5, 4.0, 5.0])
    latent_BD = torch.stack([label_B + 7, label_B + 7], 1)
    assert float(line_metric(latent_BD, label_B, torch.zeros(4))) == pytest.approx(0, abs=1e-6)


def test_pairs_within_groups_are_blind_to_what_differs_between_them() -> None:
    latent_BD, label_B, group_B = random_batch(5)
    shifted_BD = latent_BD + 100 * group_B[:, None]
    torch.testing.assert_close(
        line_metric(shifted_BD, label_B, group_B),
        line_metric(latent_BD, label_B, group_B),
        rtol=1e-3,
        atol=1e-4,
    )


def test_pair_sums_count_the_labelled_pairs() -> None:
    latent_BD, label_B, group_B = random_batch(9)
    sums = pair_sums(latent_BD.mean(1), label_B, group_B)
    assert int(sums.count) == len(pairs(label_B, group_B))


UNLABELLED = torch.full((6,), nan)
ONE_GROUP = torch.zeros(6)


@pytest.mark.parametrize("label_B", [UNLABELLED, torch.full((6,), 3.0), torch.tensor([3.0] + 5 * [nan])])
def test_without_label_differences_the_metric_is_skipped(label_B: Tensor) -> None:
    latent_BD = torch.randn(6, 2)
    assert line_metric(latent_BD, label_B, ONE_GROUP) == 0
    assert ratio_metric(latent_BD, label_B, ONE_GROUP) == 0
    assert cluster_metric(latent_BD, torch.full((6,), -1)) == 0
    assert cluster_metric(latent_BD, torch.zeros(6)) == 0


def targets() -> Targets:
    return Targets(
        activation_B=torch.tensor([4.5, 3.0, nan, 2.0, 1.5, 4.0]),
        valence_B=torch.tensor([2.0, 4.0, 3.0, nan, 2.5, 1.5]),
        emotion_B=torch.tensor([0, 1, 2, 3, -1, 0]),
        group_B=torch.zeros(6),
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_has_a_finite_loss_and_gradient(variant: Variant) -> None:
    clean_BF = torch.randn(6, 10)
    latent_BD = torch.randn(6, 4, requires_grad=True)
    reconstruction_BF = (clean_BF + 0.1).requires_grad_()
    loss = continuous_metric_loss(variant, clean_BF, reconstruction_BF, latent_BD, targets())
    loss.backward()
    assert loss.isfinite()
    assert reconstruction_BF.grad is not None
    assert reconstruction_BF.grad.isfinite().all()
    if variant != "none":
        assert latent_BD.grad is not None
        assert latent_BD.grad.isfinite().all()
        assert latent_BD.grad.abs().sum() > 0


def test_the_plain_autoencoder_has_the_reconstruction_error_alone() -> None:
    clean_BF = torch.zeros(2, 3)
    loss = continuous_metric_loss("none", clean_BF, clean_BF + 2, torch.randn(2, 2), targets())
    assert float(loss) == 4.0


def test_actval_sums_the_metrics_of_both_halves() -> None:
    latent_BD, known = torch.randn(6, 4), targets()
    first = line_metric(latent_BD[:, :2], known.activation_B, known.group_B)
    second = line_metric(latent_BD[:, 2:], known.valence_B, known.group_B)
    torch.testing.assert_close(metric_of("actval")(latent_BD, known), first + second)
    error = torch.tensor(1.0)
    loss = continuous_metric_loss("actval", torch.zeros(6, 3), torch.ones(6, 3), latent_BD, known)
    torch.testing.assert_close(loss, (error + first + second).log())


def test_an_unlabelled_batch_still_trains_the_autoencoder() -> None:
    reconstruction_BF = torch.ones(6, 3, requires_grad=True)
    known = Targets(UNLABELLED, UNLABELLED, torch.full((6,), -1), ONE_GROUP)
    loss = continuous_metric_loss("actval", torch.zeros(6, 3), reconstruction_BF, torch.randn(6, 4), known)
    loss.backward()
    assert reconstruction_BF.grad is not None
    assert reconstruction_BF.grad.abs().sum() > 0


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no variant `triplet`"):
        metric_of("triplet")  # type: ignore[arg-type]  (what a configuration might say)
