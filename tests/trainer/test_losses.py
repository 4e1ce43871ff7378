from collections.abc import Callable
from math import nan

import pytest
import torch
from hypothesis import given, settings
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
from tests.trainer.pairwise import (
    literal_cluster_metric,
    literal_line_metric,
    literal_ratio_metric,
    pairs,
)

GROUPS = 4


def random_batch(seed: int, size: int = 14, groups: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    latent_BD = torch.randn(size, 4, generator=generator)
    label_B = torch.randint(2, 11, (size,), generator=generator).double() / 2
    label_B[torch.rand(size, generator=generator) < 0.25] = nan
    return latent_BD, label_B, torch.randint(groups, (size,), generator=generator)


def random_classes(seed: int, size: int = 12) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    latent_BD = torch.randn(size, 4, generator=generator)
    return latent_BD, torch.cat(
        [torch.tensor([0, 1]), torch.randint(-1, 4, (size - 2,), generator=generator)]
    )


def value_and_gradient(metric: Callable[[Tensor], Tensor], latent_BD: Tensor) -> tuple[Tensor, Tensor]:
    latent_BD = latent_BD.clone().requires_grad_()
    value = metric(latent_BD)
    (gradient_BD,) = torch.autograd.grad(value, latent_BD)
    return value.detach(), gradient_BD


def assert_equals_literal(
    metric: Callable[[Tensor], Tensor], literal: Callable[[Tensor], Tensor], latent_BD: Tensor
) -> None:
    """Value and gradient, in double precision and, less exactly, in single."""
    expected, expected_BD = value_and_gradient(literal, latent_BD.double())
    for dtype, tolerance in ((torch.float64, 1e-8), (torch.float32, 2e-3)):
        found, found_BD = value_and_gradient(metric, latent_BD.to(dtype))
        torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(found_BD.double(), expected_BD, rtol=tolerance, atol=tolerance)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, GROUPS))
def test_line_metric_and_its_gradient_equal_the_pairwise_form(seed: int, groups: int) -> None:
    latent_BD, label_B, group_B = random_batch(seed, groups=groups)
    if not any(label_B[i] != label_B[j] for i, j in pairs(label_B, group_B)):
        assert line_metric(latent_BD, label_B, group_B, GROUPS) == 0
        return
    assert_equals_literal(
        lambda latent: line_metric(latent, label_B, group_B, groups),
        lambda latent: literal_line_metric(latent, label_B, group_B),
        latent_BD,
    )


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, GROUPS))
def test_ratio_metric_and_its_gradient_equal_the_pairwise_form(seed: int, groups: int) -> None:
    latent_BD, label_B, group_B = random_batch(seed, groups=groups)
    used = [(i, j) for i, j in pairs(label_B, group_B) if label_B[i] != label_B[j]]
    mean_B = latent_BD.mean(1)
    ratios = [abs((mean_B[i] - mean_B[j]) / (label_B[i] - label_B[j]) - 1) for i, j in used]
    if not ratios or min(ratios) < 1e-2:  # too near the logarithm's pole for single precision
        return
    assert_equals_literal(
        lambda latent: ratio_metric(latent, label_B, group_B),
        lambda latent: literal_ratio_metric(latent, label_B, group_B),
        latent_BD,
    )


@settings(max_examples=40)
@given(st.integers(0, 2**31))
def test_cluster_metric_and_its_gradient_equal_the_literal_form(seed: int) -> None:
    latent_BD, emotion_B = random_classes(seed)
    assert_equals_literal(
        lambda latent: cluster_metric(latent, emotion_B),
        lambda latent: literal_cluster_metric(latent, emotion_B),
        latent_BD,
    )


def batch_of_members(count: int, groups: int) -> tuple[Tensor, Targets]:
    """Members whose batches differ in everything; the last two have nothing to compare."""
    batches = [random_batch(member, groups=groups) for member in range(count)]
    valence_MB = torch.stack([random_batch(100 + member)[1] for member in range(count)])
    activation_MB = torch.stack([label_B for _, label_B, _ in batches])
    emotion_MB = torch.stack([random_classes(member, activation_MB.shape[1])[1] for member in range(count)])
    activation_MB[-1], valence_MB[-1], emotion_MB[-1] = nan, nan, -1
    activation_MB[-2], valence_MB[-2], emotion_MB[-2] = 3.0, 3.0, 2
    latent_MBD = torch.stack([latent_BD for latent_BD, _, _ in batches])
    group_MB = torch.stack([group_B for _, _, group_B in batches])
    return latent_MBD, Targets(activation_MB, valence_MB, emotion_MB, group_MB, groups)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("variant", VARIANTS)
def test_members_at_once_equal_members_one_by_one(variant: Variant, groups: int) -> None:
    latent_MBD, known = batch_of_members(5, groups)
    latent_MBD.requires_grad_()
    metric = metric_of(variant)
    together_M = metric(latent_MBD, known)
    one_by_one_M = torch.stack(
        [
            metric(latent_BD, Targets(*(tensor[member] for tensor in known.tensors), groups))
            for member, latent_BD in enumerate(latent_MBD)
        ]
    )
    torch.testing.assert_close(together_M, one_by_one_M)
    assert together_M.shape == (5,)
    assert together_M[-2:].tolist() == [0, 0]
    if variant != "none":
        (gradient_MBD,) = torch.autograd.grad(together_M.sum(), latent_MBD, retain_graph=True)
        (expected_MBD,) = torch.autograd.grad(one_by_one_M.sum(), latent_MBD)
        torch.testing.assert_close(gradient_MBD, expected_MBD)
        assert gradient_MBD[:-2].abs().sum((1, 2)).min() > 0
        assert gradient_MBD[-2:].count_nonzero() == 0


@pytest.mark.parametrize("variant", ["act", "val", "actval", "cluster", "elr"])
def test_every_metric_can_be_mapped_over_members(variant: Variant) -> None:
    latent_MBD, known = batch_of_members(4, 3)

    def of_one(latent_BD: Tensor, *tensors: Tensor) -> Tensor:
        return metric_of(variant)(latent_BD, Targets(*tensors, 3))

    mapped_M = torch.func.vmap(of_one)(latent_MBD, *known.tensors)
    torch.testing.assert_close(mapped_M, metric_of(variant)(latent_MBD, known))


def test_a_latent_that_follows_the_label_has_no_line_metric() -> None:
    label_B = torch.tensor([1.0, 2.5, 4.0, 5.0])
    latent_BD = torch.stack([label_B + 7, label_B + 7], 1)
    metric = line_metric(latent_BD, label_B, torch.zeros(4, dtype=torch.long))
    assert metric.item() == pytest.approx(0, abs=1e-6)


def test_pairs_within_groups_are_blind_to_what_differs_between_them() -> None:
    latent_BD, label_B, group_B = random_batch(5)
    shifted_BD = latent_BD + 100 * group_B[:, None]
    torch.testing.assert_close(
        line_metric(shifted_BD, label_B, group_B, 3),
        line_metric(latent_BD, label_B, group_B, 3),
        rtol=1e-3,
        atol=1e-4,
    )


def test_pair_sums_count_the_labelled_pairs() -> None:
    latent_BD, label_B, group_B = random_batch(9)
    sums = pair_sums(latent_BD.mean(1), label_B, group_B, 3)
    assert int(sums.count) == len(pairs(label_B, group_B))


UNLABELLED = torch.full((6,), nan)
ONE_GROUP = torch.zeros(6, dtype=torch.long)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("label_B", [UNLABELLED, torch.full((6,), 3.0), torch.tensor([3.0] + 5 * [nan])])
@pytest.mark.parametrize("emotion", [-1, 0])
def test_without_label_differences_the_metric_is_skipped(
    variant: Variant, label_B: Tensor, emotion: int
) -> None:
    for latent_BD in (torch.randn(6, 2), torch.zeros(6, 2)):
        latent_BD.requires_grad_()
        known = Targets(label_B, label_B, torch.full((6,), emotion), ONE_GROUP)
        metric = metric_of(variant)(latent_BD, known)
        assert metric.item() == 0
        if variant != "none":
            (gradient_BD,) = torch.autograd.grad(metric, latent_BD)
            assert gradient_BD.count_nonzero() == 0


def targets() -> Targets:
    return Targets(
        activation_B=torch.tensor([4.5, 3.0, nan, 2.0, 1.5, 4.0]),
        valence_B=torch.tensor([2.0, 4.0, 3.0, nan, 2.5, 1.5]),
        emotion_B=torch.tensor([0, 1, 2, 3, -1, 0]),
        group_B=ONE_GROUP,
    )


@pytest.mark.parametrize("variant", ["act", "val", "actval", "cluster", "elr"])
def test_a_collapsed_latent_has_a_finite_metric_and_gradient(variant: Variant) -> None:
    latent_BD = torch.zeros(6, 4, requires_grad=True)
    metric = metric_of(variant)(latent_BD, targets())
    (gradient_BD,) = torch.autograd.grad(metric, latent_BD)
    assert metric.isfinite()
    assert gradient_BD.isfinite().all()


def test_actval_sums_the_metrics_of_both_halves() -> None:
    latent_BD, known = torch.randn(6, 4), targets()
    first = line_metric(latent_BD[:, :2], known.activation_B, known.group_B)
    second = line_metric(latent_BD[:, 2:], known.valence_B, known.group_B)
    torch.testing.assert_close(metric_of("actval")(latent_BD, known), first + second)


def test_the_loss_is_a_logarithm_and_the_plain_autoencoder_has_its_error_alone() -> None:
    error_M, metric_M = torch.tensor([4.0, 1.0]), torch.tensor([0.5, 2.0])
    loss_M = continuous_metric_loss(error_M, metric_M, torch.tensor([True, False]))
    torch.testing.assert_close(loss_M, torch.tensor([4.0, torch.tensor(3.0).log()]))


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no variant `triplet`"):
        metric_of("triplet")  # type: ignore[arg-type]  (what a configuration might say)
