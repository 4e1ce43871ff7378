"""The continuous metric losses of Das et al. (NLDL 2022), in closed form where the algebra allows.

Over all pairs i < j of a batch, with y the label and a_i = mean_d z_id the mean of the latent,

    e_ij = a_i - a_j,   l_ij = y_i - y_j,   b = sum(l e) / sum(l^2)
    slope = |b - 1|,    residual = mean (b l - e)^2,    metric = slope + residual.

Only sums over pairs enter, and sum_{i<j} (u_i - u_j)(v_i - v_j) = n sum(u v) - sum(u) sum(v): the metric
costs O(n), not O(n^2). Restricted to pairs within groups (a corpus, a speaker), the groups' sums add up.

Shapes: B batch, D latent dimensions. A label that is NaN is unlabelled and enters no pair.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from cmlstream.models.errors import ConfigurationError

Variant = Literal["none", "act", "val", "actval", "cluster", "elr"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

CLUSTER_DIMENSIONS = 2
"""The published cluster loss reads the first two latent dimensions."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What is known of a batch; activation and valence on the scale 1..5, NaN where unlabelled."""

    activation_B: Tensor
    valence_B: Tensor
    emotion_B: Tensor
    """Class number, -1 where there is none."""
    group_B: Tensor
    """Pairs are made within a group only."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that is known, for who wants to tell two training sets apart."""
        return self.activation_B, self.valence_B, self.emotion_B, self.group_B


@dataclass(frozen=True, slots=True, eq=False)
class PairSums:
    """Sums over all pairs within groups: how many, of l^2, l e and e^2."""

    count: Tensor
    label: Tensor
    product: Tensor
    embedding: Tensor


def pair_sums(embedded_B: Tensor, label_B: Tensor, group_B: Tensor) -> PairSums:
    """Sums over the labelled pairs of each group, in O(n)."""
    known_B = ~label_B.isnan()
    _, member_B = group_B[known_B].unique(return_inverse=True)
    groups = int(member_B.max()) + 1 if len(member_B) else 0
    label_B = label_B[known_B].double()
    embedded_B = embedded_B[known_B].double()

    def per_group(value_B: Tensor) -> Tensor:
        return torch.zeros(groups, dtype=torch.float64).index_add(0, member_B, value_B)

    count_G = per_group(torch.ones_like(label_B))
    # Differences ignore offsets: centring first keeps the sums free of cancellation.
    label_B = label_B - (per_group(label_B) / count_G)[member_B]
    embedded_B = embedded_B - (per_group(embedded_B) / count_G)[member_B]
    return PairSums(
        count=(count_G * (count_G - 1) / 2).sum(),
        label=(count_G * per_group(label_B**2)).sum(),
        product=(count_G * per_group(label_B * embedded_B)).sum(),
        embedding=(count_G * per_group(embedded_B**2)).sum(),
    )


def line_metric(latent_BD: Tensor, label_B: Tensor, group_B: Tensor) -> Tensor:
    """Slope + residual of embedding differences against label differences; 0 where no labels differ."""
    sums = pair_sums(latent_BD.mean(1), label_B, group_B)
    if float(sums.label) == 0.0:
        return latent_BD.new_zeros(())
    slope = sums.product / sums.label
    squares = slope**2 * sums.label - 2 * slope * sums.product + sums.embedding
    return ((slope - 1).abs() + squares / sums.count).to(latent_BD.dtype)


def ratio_metric(latent_BD: Tensor, label_B: Tensor, group_B: Tensor) -> Tensor:
    """`elr`: mean of log |e / l - 1| over pairs whose labels differ; 0 where none do. O(n^2)."""
    mean_B = latent_BD.mean(1)
    label_BB = label_B[:, None] - label_B
    usable_BB = (group_B[:, None] == group_B) & ~label_BB.isnan() & (label_BB != 0)
    usable_BB = usable_BB.triu(diagonal=1)
    if not usable_BB.any():
        return latent_BD.new_zeros(())
    embedded_BB = mean_B[:, None] - mean_B
    ratio = embedded_BB[usable_BB] / label_BB[usable_BB]
    return (ratio - 1).abs().clamp(min=1e-6).log().mean()


def cluster_metric(latent_BD: Tensor, emotion_B: Tensor) -> Tensor:
    """`cluster`: distances to the class centroids over root distances between them; 0 below two classes."""
    known_B = emotion_B >= 0
    points_BD = latent_BD[known_B, :CLUSTER_DIMENSIONS]
    classes, member_B = emotion_B[known_B].unique(return_inverse=True)
    if len(classes) < 2:
        return latent_BD.new_zeros(())
    count_C = torch.bincount(member_B).to(points_BD.dtype)
    centroids_CD = torch.zeros(len(classes), points_BD.shape[1]).index_add(0, member_B, points_BD)
    centroids_CD = centroids_CD / count_C[:, None]
    within = torch.linalg.vector_norm(points_BD - centroids_CD[member_B], dim=1).sum()
    between = torch.nn.functional.pdist(centroids_CD).clamp(min=1e-6).sqrt().sum()
    metric: Tensor = within / between
    return metric


Metric = Callable[[Tensor, Targets], Tensor]


def metric_of(variant: Variant) -> Metric:
    """The metric that a variant adds to the reconstruction error.

    `elr` enters as exp(elr), the geometric mean of |e / l - 1|: the total's logarithm needs a positive sum.

    Raises:
        ConfigurationError: there is no such variant.

    """
    match variant:
        case "none":
            return lambda latent, _: latent.new_zeros(())
        case "act":
            return lambda latent, known: line_metric(latent, known.activation_B, known.group_B)
        case "val":
            return lambda latent, known: line_metric(latent, known.valence_B, known.group_B)
        case "actval":
            return _halves
        case "cluster":
            return lambda latent, known: cluster_metric(latent, known.emotion_B)
        case "elr":
            return lambda latent, known: ratio_metric(latent, known.activation_B, known.group_B).exp()
    raise ConfigurationError(f"There is no variant `{variant}`: choose one of {', '.join(VARIANTS)}.")


def _halves(latent_BD: Tensor, known: Targets) -> Tensor:
    first_BD, second_BD = latent_BD.chunk(2, dim=1)
    return line_metric(first_BD, known.activation_B, known.group_B) + line_metric(
        second_BD, known.valence_B, known.group_B
    )


def continuous_metric_loss(
    variant: Variant, clean_BF: Tensor, reconstruction_BF: Tensor, latent_BD: Tensor, known: Targets
) -> Tensor:
    """log(MSE + metric); the plain autoencoder's loss is its MSE alone."""
    error = torch.nn.functional.mse_loss(reconstruction_BF, clean_BF)
    if variant == "none":
        return error
    return (error + metric_of(variant)(latent_BD, known)).log()
