"""Processor time of the metric loss over all pairs and in closed form, forward and backward, one thread.

`python tests/trainer/speed.py` prints a table in Markdown. Both forms get the same batch and give the same
number, which is checked on the way. At 4096 clips there are 8.4 million pairs.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import Tensor

from cmlstream.trainer.losses import line_metric

BATCHES = (64, 4096)
LATENT = 2
REPEATS = 7
SHORTEST_S = 0.02
"""Calls are repeated until they take this long together: the clock is not fine enough for one."""


def pairwise_line_metric(latent_BD: Tensor, label_B: Tensor) -> Tensor:
    """The metric from the differences of all pairs, computed at once: the published way."""
    first_P, second_P = torch.combinations(torch.arange(len(label_B)), 2).unbind(1)
    e_P = (latent_BD[first_P] - latent_BD[second_P]).mean(1)
    l_P = label_B[first_P] - label_B[second_P]
    b = (l_P * e_P).sum() / (l_P**2).sum()
    return (b - 1).abs() + ((b * l_P - e_P) ** 2).mean()


def call_ms(metric: Callable[[Tensor], Tensor], latent_BD: Tensor) -> float:
    """Milliseconds of a forward and a backward pass."""
    calls, began = 0, time.process_time()
    while time.process_time() - began < SHORTEST_S:
        metric(latent_BD).backward()
        calls += 1
    return 1000 * (time.process_time() - began) / calls


def rows() -> Iterator[tuple[int, float, float]]:
    """Batch, milliseconds over all pairs, milliseconds in closed form."""
    generator = torch.Generator().manual_seed(0)
    for batch in BATCHES:
        latent_BD = torch.randn(batch, LATENT, generator=generator).requires_grad_()
        label_B = torch.randint(2, 11, (batch,), generator=generator) / 2
        group_B = torch.zeros(batch, dtype=torch.long)

        def pairwise(latent: Tensor, label_B: Tensor = label_B) -> Tensor:
            return pairwise_line_metric(latent, label_B)

        def closed(latent: Tensor, label_B: Tensor = label_B, group_B: Tensor = group_B) -> Tensor:
            return line_metric(latent, label_B, group_B)

        torch.testing.assert_close(closed(latent_BD), pairwise(latent_BD), rtol=1e-3, atol=1e-4)
        yield (
            batch,
            *(median(call_ms(metric, latent_BD) for _ in range(REPEATS)) for metric in (pairwise, closed)),
        )


def main() -> None:
    torch.set_num_threads(1)
    print(
        "| metric loss, forward and backward | all pairs, ms | closed form, ms | ratio |\n|---|---|---|---|"
    )
    for batch, pairwise, closed in rows():
        print(f"| batch {batch} | {pairwise:.3f} | {closed:.3f} | {pairwise / closed:.1f} |", flush=True)


if __name__ == "__main__":
    main()
