"""The continuous metric losses of Das et al. (NLDL 2022), in closed form where the algebra allows.

Over all pairs i < j of a batch, with y the label and a_i = mean_d z_id the mean of the latent,

    e_ij = a_i - a_j,   l_ij = y_i - y_j,   b = sum(l e) / sum(l^2)
    slope = |b - 1|,    residual = mean (b l - e)^2,    metric = slope + residual.

Only sums over pairs enter, and sum_{i<j} (u_i - u_j)(v_i - v_j) = n sum(u v) - sum(u) sum(v): the metric
costs O(n), not O(n^2). Restricted to pairs within groups (a corpus, a speaker), the groups' sums add up.

Every metric takes the batches of many members at once and gives each member its own number, without asking
a tensor for its value: masks stand for what is unlabelled, and the metric is 0, and so is its gradient,
where no labels differ. Shapes: `...` any members (none for a single batch), B batch, D latent dimensions,
F features, G groups, C classes. A label that is NaN is unlabelled and enters no pair.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from cmlstream.models.contract import EMOTIONS
from cmlstream.models.errors import ConfigurationError

Variant = Literal["none", "act", "val", "actval", "cluster", "elr"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)

CLUSTER_DIMENSIONS = 2
"""The published cluster loss reads the first two latent dimensions."""

SMALLEST = 1e-6
"""Below this a distance counts as this: roots and logarithms have no finite gradient at zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What is known of a batch; activation and valence on the scale 1..5, NaN where unlabelled.

    The fields may have any leading dimensions, such as one of members, as long as all have the same.
    """

    activation_B: Tensor
    valence_B: Tensor
    emotion_B: Tensor
    """Class number, -1 where there is none."""
    group_B: Tensor
    """Pairs are made within a group only; whole numbers from 0 to below `groups`."""
    groups: int = 1

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that is known, for who wants to tell two training sets apart."""
        return self.activation_B, self.valence_B, self.emotion_B, self.group_B

    def at(self, rows: Tensor) -> "Targets":
        """What is known at some places of the first dimension; `rows` may have any shape."""
        return Targets(
            self.activation_B[rows],
            self.valence_B[rows],
            self.emotion_B[rows],
            self.group_B[rows],
            self.groups,
        )


@dataclass(frozen=True, slots=True, eq=False)
class PairSums:
    """Sums over all pairs within groups: how many, of l^2, l e and e^2."""

    count: Tensor
    label: Tensor
    product: Tensor
    embedding: Tensor


def pair_sums(embedded_B: Tensor, label_B: Tensor, group_B: Tensor, groups: int = 1) -> PairSums:
    """Sums over the labelled pairs of each group, in O(n) and in double precision; `...B` to `...`."""
    known_B = ~label_B.isnan()
    weight_B = known_B.double()
    label_B = torch.where(known_B, label_B, 0.0).double()
    embedded_B = torch.where(known_B, embedded_B, 0.0).double()

    def per_group(value_B: Tensor) -> Tensor:
        if groups == 1:
            return value_B.sum(-1, keepdim=True)
        return value_B.new_zeros((*value_B.shape[:-1], groups)).scatter_add(-1, group_B, value_B)

    def centred(value_B: Tensor) -> Tensor:
        mean_G = per_group(value_B) / count_G.clamp(min=1)
        return (value_B - mean_G.gather(-1, group_B)) * weight_B

    count_G = per_group(weight_B)
    # Differences ignore offsets: centring first keeps the sums free of cancellation.
    label_B, embedded_B = centred(label_B), centred(embedded_B)
    return PairSums(
        count=(count_G * (count_G - 1) / 2).sum(-1),
        label=(count_G * per_group(label_B**2)).sum(-1),
        product=(count_G * per_group(label_B * embedded_B)).sum(-1),
        embedding=(count_G * per_group(embedded_B**2)).sum(-1),
    )


def line_metric(latent_BD: Tensor, label_B: Tensor, group_B: Tensor, groups: int = 1) -> Tensor:
    """Slope + residual of embedding differences against label differences; 0 where no labels differ."""
    sums = pair_sums(latent_BD.mean(-1), label_B, group_B, groups)
    usable = sums.label > SMALLEST
    slope = sums.product / torch.where(usable, sums.label, 1.0)
    squares = slope**2 * sums.label - 2 * slope * sums.product + sums.embedding
    metric = (slope - 1).abs() + squares / sums.count.clamp(min=1)
    return torch.where(usable, metric, 0.0).to(latent_BD.dtype)


def ratio_metric(latent_BD: Tensor, label_B: Tensor, group_B: Tensor) -> Tensor:
    """`elr`: mean of log |e / l - 1| over pairs whose labels differ; 0 where none do. O(n^2)."""
    mean_B = latent_BD.mean(-1)
    label_BB = _differences(label_B)
    usable_BB = _usable_pairs(label_BB, group_B)
    embedded_BB = _differences(mean_B)
    ratio_BB = embedded_BB / torch.where(usable_BB, label_BB, 1.0).to(embedded_BB.dtype)
    # Where a pair is not used, 2 stands for its ratio: log |2 - 1| = 0 adds nothing to the sum.
    logarithm_BB = (torch.where(usable_BB, ratio_BB, 2.0) - 1).abs().clamp(min=SMALLEST).log()
    return logarithm_BB.sum((-1, -2)) / usable_BB.sum((-1, -2)).clamp(min=1)


def _geometric_ratio(latent_BD: Tensor, label_B: Tensor, group_B: Tensor) -> Tensor:
    any_pair = _usable_pairs(_differences(label_B), group_B).any(-1).any(-1)
    return torch.where(any_pair, ratio_metric(latent_BD, label_B, group_B).exp(), 0.0)


def _differences(value_B: Tensor) -> Tensor:
    return value_B[..., :, None] - value_B[..., None, :]


def _usable_pairs(label_BB: Tensor, group_B: Tensor) -> Tensor:
    same_BB = group_B[..., :, None] == group_B[..., None, :]
    return (same_BB & ~label_BB.isnan() & (label_BB != 0)).triu(diagonal=1)


def cluster_metric(latent_BD: Tensor, emotion_B: Tensor, classes: int = len(EMOTIONS)) -> Tensor:
    """`cluster`: distances to the class centroids over root distances between them; 0 below two classes."""
    points_BD = latent_BD[..., :CLUSTER_DIMENSIONS]
    member_BC = (emotion_B[..., None] == torch.arange(classes, device=emotion_B.device)).to(points_BD.dtype)
    count_C = member_BC.sum(-2)
    centroids_CD = member_BC.mT @ points_BD / count_C.clamp(min=1)[..., None]
    within_B = _length(points_BD - member_BC @ centroids_CD)
    within = torch.where(emotion_B >= 0, within_B, 0.0).sum(-1)
    first, second = torch.triu_indices(classes, classes, 1, device=emotion_B.device)
    apart_P = _length(centroids_CD[..., first, :] - centroids_CD[..., second, :]).clamp(min=SMALLEST).sqrt()
    both_P = (count_C[..., first] > 0) & (count_C[..., second] > 0)
    between = torch.where(both_P, apart_P, 0.0).sum(-1)
    usable = both_P.any(-1)
    return torch.where(usable, within / torch.where(usable, between, 1.0), 0.0)


def _length(vector_D: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(vector_D, dim=-1)
    return length


Metric = Callable[[Tensor, Targets], Tensor]


def metric_of(variant: Variant) -> Metric:
    """The metric that a variant adds to the reconstruction error.

    `elr` enters as exp(elr), the geometric mean of |e / l - 1|: the total's logarithm needs a positive sum.

    Raises:
        ConfigurationError: there is no such variant.

    """
    match variant:
        case "none":
            return lambda latent, _: latent.new_zeros(latent.shape[:-2])
        case "act":
            return lambda latent, known: _line(latent, known.activation_B, known)
        case "val":
            return lambda latent, known: _line(latent, known.valence_B, known)
        case "actval":
            return _halves
        case "cluster":
            return lambda latent, known: cluster_metric(latent, known.emotion_B)
        case "elr":
            return lambda latent, known: _geometric_ratio(latent, known.activation_B, known.group_B)
    raise ConfigurationError(f"There is no variant `{variant}`: choose one of {', '.join(VARIANTS)}.")


def _line(latent_BD: Tensor, label_B: Tensor, known: Targets) -> Tensor:
    return line_metric(latent_BD, label_B, known.group_B, known.groups)


def _halves(latent_BD: Tensor, known: Targets) -> Tensor:
    first_BD, second_BD = latent_BD.chunk(2, dim=-1)
    return _line(first_BD, known.activation_B, known) + _line(second_BD, known.valence_B, known)


def continuous_metric_loss(error: Tensor, metric: Tensor, plain: Tensor) -> Tensor:
    """log(MSE + metric) of each member; the MSE alone where it is `plain`, without a metric."""
    return torch.where(plain, error, (error + metric).log())
