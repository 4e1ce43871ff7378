"""The metrics by the book, pair after pair: slow, and what the closed forms are held against."""

from itertools import combinations

import torch
from torch import Tensor


def pairs(label_B: Tensor, group_B: Tensor) -> list[tuple[int, int]]:
    """All pairs i < j of labelled clips of one group."""
    return [
        (i, j)
        for i, j in combinations(range(len(label_B)), 2)
        if group_B[i] == group_B[j] and not label_B[i].isnan() and not label_B[j].isnan()
    ]


def literal_line_metric(latent_BD: Tensor, label_B: Tensor, group_B: Tensor) -> Tensor:
    e = torch.stack([(latent_BD[i] - latent_BD[j]).mean() for i, j in pairs(label_B, group_B)])
    l = torch.stack([label_B[i] - label_B[j] for i, j in pairs(label_B, group_B)])  # noqa: E741  (the paper's letter)
    b = (l * e).sum() / (l**2).sum()
    return (b - 1).abs() + ((b * l - e) ** 2).mean()


def literal_ratio_metric(latent_BD: Tensor, label_B: Tensor, group_B: Tensor) -> Tensor:
    logarithms = [
        ((latent_BD[i] - latent_BD[j]).mean() / (label_B[i] - label_B[j]) - 1).abs().log()
        for i, j in pairs(label_B, group_B)
        if label_B[i] != label_B[j]
    ]
    return torch.stack(logarithms).mean()


def literal_cluster_metric(latent_BD: Tensor, emotion_B: Tensor) -> Tensor:
    members = {
        int(k): [z[:2] for z, e in zip(latent_BD, emotion_B, strict=True) if e == k]
        for k in emotion_B
        if k >= 0
    }
    centroids = {k: torch.stack(points).mean(0) for k, points in members.items()}
    within = [(point - centroids[k]).norm() for k, points in members.items() for point in points]
    between = [(centroids[i] - centroids[j]).norm().sqrt() for i, j in combinations(centroids, 2)]
    return torch.stack(within).sum() / torch.stack(between).sum()
