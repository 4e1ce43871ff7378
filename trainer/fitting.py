"""The training loop: a denoising autoencoder with the metric loss and an emotion head, one run at a time.

Shapes: K draws, N rows, B batch, F features, D latent dimensions, E emotions.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cmlstream.models.baseline import FeaturePrior
from cmlstream.models.encoder import AffectHead, Autoencoder
from cmlstream.models.errors import ModelError

from .circumplex import position
from .losses import Targets, continuous_metric_loss
from .manifest import Clip
from .settings import FitSettings
from .table import FeatureTable, Normalisation, normalise

FEWEST_CLIPS = 8
"""A smaller last batch is left out of its epoch: its slope would be mostly chance."""


class Network(nn.Module):
    """What is trained together: the autoencoder and the head on its embedding."""

    def __init__(self, features: int, settings: FitSettings) -> None:
        super().__init__()
        self.autoencoder = Autoencoder(features, settings.encoder)
        self.head = AffectHead(settings.encoder.latent)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Clips to train on, normalised as a stream would in several random orders."""

    table: FeatureTable
    scores_KNF: Tensor
    targets: Targets

    def sample(self, draw: int, generator: np.random.Generator) -> Tensor:
        """The scores of one piece of each clip: a whole region or a window, with even chances."""
        boundaries = np.searchsorted(self.table.clip_N, np.arange(len(self.table.clips) + 1))
        chosen = []
        for first, after in pairwise(boundaries):
            whole_N = self.table.whole_N[first:after]
            wanted_N = whole_N if generator.random() < 0.5 else ~whole_N
            candidates = np.flatnonzero(wanted_N if wanted_N.any() else whole_N)
            chosen.append(first + generator.choice(candidates))
        return self.scores_KNF[draw, torch.from_numpy(np.array(chosen))]


@dataclass(frozen=True, slots=True)
class Progress:
    """How a run stands after an epoch; `score` is NaN where nothing is held back."""

    epoch: int
    epochs: int
    loss: float
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The averaged network of the best epoch."""

    network: Network
    epoch: int


def training_set(table: FeatureTable, prior: FeaturePrior, settings: FitSettings, seed: int) -> TrainingSet:
    """Prepare clips for training: draw orders, gather labels, fall back on circumplex positions."""
    draws = [
        normalise(table, prior, Normalisation.CAUSAL, seed + draw)
        for draw in range(settings.validation.draws)
    ]
    return TrainingSet(table, torch.from_numpy(np.stack(draws)), targets_of(table.clips, settings.loss.pairs))


def targets_of(clips: tuple[Clip, ...], pairs: str) -> Targets:
    """What is known of each clip; published labels take precedence over the position of its class."""
    weak = [position(clip.emotion) for clip in clips]
    groups = [{"all": "", "corpus": clip.corpus, "speaker": clip.speaker}[pairs] for clip in clips]
    activation = [clip.activation for clip in clips]
    valence = [clip.valence for clip in clips]
    return Targets(
        activation_B=_published_or_weak(activation, [place.activation for place in weak]),
        valence_B=_published_or_weak(valence, [place.valence for place in weak]),
        emotion_B=torch.tensor([clip.emotion_number for clip in clips]),
        group_B=torch.from_numpy(np.unique(groups, return_inverse=True)[1]),
    )


def fit(
    data: TrainingSet,
    settings: FitSettings,
    seed: int,
    score_of: Callable[[Network], float] | None,
    checkpoint: Path | None,
    on_epoch: Callable[[Progress], None],
) -> Fitted:
    """Train one network; deterministic for a seed, and resumed where a checkpoint was left.

    `score_of` judges the averaged network on speakers held back: the best epoch is kept, and the run stops
    when `patience` epochs brought nothing better. Without it every epoch is run and the last one kept.
    """
    run = _Run(data, settings, seed)
    if checkpoint is not None and checkpoint.exists():
        run.resume(checkpoint)
    while run.epoch < settings.optimiser.epochs and run.epoch - run.best_epoch < settings.optimiser.patience:
        loss = run.train_one_epoch()
        score = float("nan") if score_of is None else score_of(run.averaged_network)
        run.keep_if_best(score)
        on_epoch(Progress(run.epoch, settings.optimiser.epochs, loss, score))
        if checkpoint is not None:
            run.write(checkpoint)
    return run.fitted()


class _Run:
    """The state of one training run: everything that a checkpoint has to hold."""

    def __init__(self, data: TrainingSet, settings: FitSettings, seed: int) -> None:
        self._data = data
        self._settings = settings
        self._seed = seed
        features = data.scores_KNF.shape[2]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = Network(features, settings)
        self._optimiser = torch.optim.AdamW(
            self._network.parameters(),
            lr=settings.optimiser.learning_rate,
            weight_decay=settings.optimiser.weight_decay,
        )
        average = get_ema_multi_avg_fn(settings.optimiser.averaging)
        self._averaged = AveragedModel(self._network, multi_avg_fn=average)
        self._best: dict[str, Tensor] = {}
        self._best_score = float("-inf")
        self.best_epoch = 0
        self.epoch = 0

    @property
    def averaged_network(self) -> Network:
        network = self._averaged.module
        assert isinstance(network, Network)
        return network.eval()

    def train_one_epoch(self) -> float:
        """One pass over the clips; returns the mean loss.

        All chance comes from the seed and the epoch's number, so that a resumed run meets the same.
        """
        seed = self._seed + 1_000_003 * (self.epoch + 1)
        generator = torch.Generator().manual_seed(seed)
        draw = self.epoch % len(self._data.scores_KNF)
        scores_NF = self._data.sample(draw, np.random.default_rng(seed))
        self._network.train()
        losses = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # dropout takes its chance from here
            for batch_B in self._batches(generator):
                loss = self._loss(scores_NF[batch_B], batch_B, generator)
                self._optimiser.zero_grad()
                loss.backward()
                self._optimiser.step()
                self._averaged.update_parameters(self._network)
                losses.append(loss.item())
        self.epoch += 1
        return float(np.mean(losses))

    def keep_if_best(self, score: float) -> None:
        """Remember this epoch's weights, unless held-out speakers were judged better before."""
        if score <= self._best_score:
            return
        self._best_score = max(self._best_score, score)
        self.best_epoch = self.epoch
        self._best = {name: value.clone() for name, value in self.averaged_network.state_dict().items()}

    def fitted(self) -> Fitted:
        network = self.averaged_network
        network.load_state_dict(self._best)
        return Fitted(network, self.best_epoch)

    def write(self, path: Path) -> None:
        """Leave a checkpoint, aside first, so that an interruption cannot spoil the one before."""
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(path.name + ".part")
        torch.save(self._state(), aside)
        os.replace(aside, path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            ModelError: it is damaged, or belongs to a run with other settings, another seed or other data.

        """
        try:
            state = torch.load(path, weights_only=True)
        except (RuntimeError, UnpicklingError, EOFError) as error:
            raise ModelError(f"The checkpoint {path} is damaged: delete it.") from error
        if not isinstance(state, dict) or state.get("identity") != self._identity():
            raise ModelError(
                f"The checkpoint {path} is of another run (its settings, seed or clips differ): "
                "name another directory, or delete it."
            )
        self._network.load_state_dict(state["network"])
        self._averaged.load_state_dict(state["averaged"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._best = state["best"]
        self._best_score, self.best_epoch, self.epoch = state["position"]

    def _state(self) -> dict[str, Any]:
        return {
            "identity": self._identity(),
            "network": self._network.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "best": self._best,
            "position": (self._best_score, self.best_epoch, self.epoch),
        }

    def _identity(self) -> str:
        # Epochs and patience may be raised to train an interrupted or finished run for longer.
        optimiser = msgspec.structs.replace(self._settings.optimiser, epochs=1, patience=1)
        settings = (self._settings.encoder, self._settings.loss, optimiser, self._seed)
        digest = hashlib.sha256(repr(settings).encode())
        for tensor in (self._data.scores_KNF, *self._data.targets.tensors):
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()

    def _batches(self, generator: torch.Generator) -> Iterator[Tensor]:
        order = torch.randperm(len(self._data.table.clips), generator=generator)
        size = self._settings.optimiser.batch
        batches = order.split(size)
        return (batch for batch in batches if len(batch) >= min(FEWEST_CLIPS, size) or len(batches) == 1)

    def _loss(self, clean_BF: Tensor, batch_B: Tensor, generator: torch.Generator) -> Tensor:
        known = _rows(self._data.targets, batch_B)
        embedding_BD, reconstruction_BF = self._network.autoencoder(clean_BF, generator)
        variant = self._settings.loss.variant
        loss = continuous_metric_loss(variant, clean_BF, reconstruction_BF, embedding_BD, known)
        named_B = known.emotion_B >= 0
        if not named_B.any():
            return loss
        logits_BE = self._network.head(embedding_BD[named_B])[0]
        smoothing = self._settings.loss.label_smoothing
        entropy = cross_entropy(logits_BE, known.emotion_B[named_B], label_smoothing=smoothing)
        return loss + self._settings.loss.emotion_weight * entropy


def _rows(targets: Targets, rows_B: Tensor) -> Targets:
    return Targets(
        targets.activation_B[rows_B],
        targets.valence_B[rows_B],
        targets.emotion_B[rows_B],
        targets.group_B[rows_B],
    )


def _published_or_weak(published: list[float], weak: list[float]) -> Tensor:
    published_N = np.array(published)
    return torch.from_numpy(np.where(np.isnan(published_N), weak, published_N))
