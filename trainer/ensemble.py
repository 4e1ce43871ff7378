"""Members in training: their weights, their optimiser, and one pass over the clips of all of them.

Shapes: M members, A members that train now, P parameters, D decks, B batch, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .checkpoint import State
from .ensemble_loss import EnsembleLoss, Terms
from .members import Deck, Member, Pool
from .network import Network, Stack, initial_weights
from .settings import FitSettings


@dataclass(frozen=True, slots=True)
class Progress:
    """How a member stands after an epoch; `score` is NaN where nothing is held back."""

    epoch: int
    epochs: int
    loss: float
    reconstruction: float
    """Mean square error against the clean scores."""
    metric: float
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The averaged network of the best epoch."""

    network: Network
    epoch: int


class Ensemble:
    """The state of members in training: everything that a checkpoint has to hold."""

    def __init__(self, members: Sequence[Member], settings: FitSettings, device: torch.device) -> None:
        self._members = members
        self._settings = settings
        self._device = device
        self._pool = Pool(members, device)
        self._stack = Stack(self._pool.features, settings)
        weights = [initial_weights(self._pool.features, settings, member.seed) for member in members]
        self._weights_MP = torch.stack(weights).to(device)
        self._averaged_MP = self._weights_MP.clone()
        self._best_MP = self._weights_MP.clone()
        self._best_scores = [float("-inf")] * len(members)
        self._best_epochs = [0] * len(members)
        self._epochs = [0] * len(members)
        # Each row of the matrix is a parameter of its own to the optimiser: it counts its own steps, and
        # members that rest are left alone.
        self._rows = [nn.Parameter(row) for row in self._weights_MP]
        self._optimiser = torch.optim.AdamW(
            self._rows,
            lr=settings.optimiser.learning_rate,
            weight_decay=settings.optimiser.weight_decay,
            fused=True,
        )
        self._average = get_ema_multi_avg_fn(settings.optimiser.averaging)

    @property
    def alive(self) -> list[int]:
        """The members that still have something to train."""
        optimiser = self._settings.optimiser
        return [
            number
            for number, (epoch, best) in enumerate(zip(self._epochs, self._best_epochs, strict=True))
            if epoch < optimiser.epochs and epoch - best < optimiser.patience
        ]

    def train_one_epoch(self, alive: Sequence[int]) -> list[Progress]:
        """One pass of some members over their clips."""
        sums = self._pass_over_clips(alive)
        progress = []
        for number, (loss, error, metric) in zip(alive, sums, strict=True):
            score = self._judge_and_keep(number)
            epochs = self._settings.optimiser.epochs
            progress.append(Progress(self._epochs[number], epochs, loss, error, metric, score))
        return progress

    def fitted(self) -> list[Fitted]:
        """The best network of every member."""
        networks = map(self._stack.network, self._best_MP)
        return [Fitted(network, epoch) for network, epoch in zip(networks, self._best_epochs, strict=True)]

    def _pass_over_clips(self, alive: Sequence[int]) -> list[list[float]]:
        """Loss, reconstruction and metric of each member, as means over the steps."""
        keys = [self._deck_key(number) for number in alive]
        deck_of = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        batch = self._settings.optimiser.batch
        decks = [Deck(self._pool, *key, batch) for key in deck_of]
        places = [deck_of[key] for key in keys]
        steps = torch.tensor([len(decks[place]) for place in places], device=self._device)
        sums_A3 = torch.zeros(len(alive), 3, device=self._device)
        busy: list[int] = []
        for step in range(max(map(len, decks))):
            still = [place for place, deck in enumerate(places) if step < len(decks[deck])]
            if still != busy:
                busy = still
                turn = self._turn([alive[place] for place in busy], [places[place] for place in busy], decks)
            sums_A3[busy] += self._step(turn, step)
        for number in alive:
            self._epochs[number] += 1
        means: list[list[float]] = (sums_A3 / steps[:, None]).tolist()
        return means

    def _deck_key(self, number: int) -> tuple[int, int, int]:
        return self._pool.set_of_member[number], self._members[number].seed, self._epochs[number]

    def _turn(self, numbers: list[int], decks_of_members: list[int], decks: list[Deck]) -> "_Turn":
        used = sorted(set(decks_of_members))
        return _Turn(
            numbers=torch.tensor(numbers, device=self._device),
            rows=[self._rows[number] for number in numbers],
            averaged=[self._averaged_MP[number] for number in numbers],
            decks=[decks[deck] for deck in used],
            deck_A=torch.tensor([used.index(deck) for deck in decks_of_members], device=self._device),
            loss=EnsembleLoss([self._members[number].loss for number in numbers], self._device),
            first=self._epochs[numbers[0]] == 0,
        )

    def _step(self, turn: "_Turn", step: int) -> Tensor:
        """One batch of every member of a turn: `A3`, loss, reconstruction and metric."""
        weights_AP = self._weights_MP.detach()[turn.numbers].requires_grad_()
        terms = self._terms(weights_AP, turn, step)
        (gradient_AP,) = torch.autograd.grad(terms.loss_A.sum(), weights_AP)
        for row, gradient_P in zip(turn.rows, gradient_AP, strict=True):
            row.grad = gradient_P
        self._optimiser.step()
        for row in turn.rows:
            row.grad = None
        self._average_weights(turn, step)
        return torch.stack([term.detach() for term in terms], 1)

    @torch.no_grad()
    def _average_weights(self, turn: "_Turn", step: int) -> None:
        if turn.first and step == 0:  # the weights before the first step are chance: they count for nothing
            torch._foreach_copy_(turn.averaged, [*turn.rows])
        else:
            self._average(turn.averaged, turn.rows, 0)

    def _terms(self, weights_AP: Tensor, turn: "_Turn", step: int) -> Terms:
        row_DB = torch.stack([deck.row_SB[step] for deck in turn.decks]).to(self._device)
        clip_DB = torch.stack([deck.clip_SB[step] for deck in turn.decks]).to(self._device)
        noise_DBF = torch.stack([deck.noise(self._pool.features) for deck in turn.decks]).to(self._device)
        masks_DBI = zip(*(deck.masks(self._stack) for deck in turn.decks), strict=True)
        masks = [torch.stack(mask).to(self._device)[turn.deck_A] for mask in masks_DBI]
        clean_DBF = self._pool.clean(row_DB)
        noisy_DBF = torch.add(clean_DBF, noise_DBF, alpha=self._settings.encoder.noise)
        answers = self._stack(weights_AP, noisy_DBF[turn.deck_A], masks)
        clip_AB = clip_DB[turn.deck_A]
        known, present_AB = self._pool.known(clip_AB), self._pool.present(clip_AB)
        return turn.loss(answers, clean_DBF[turn.deck_A], known, present_AB)

    def _judge_and_keep(self, number: int) -> float:
        """Score a member, and remember its weights unless it was judged as good before."""
        judge = self._members[number].judge
        score = judge(self._stack.network(self._averaged_MP[number])) if judge else nan
        if not score <= self._best_scores[number]:  # what is not judged is always kept
            self._best_scores[number] = max(self._best_scores[number], score)
            self._best_epochs[number] = self._epochs[number]
            self._best_MP[number] = self._averaged_MP[number]
        return score

    def state(self) -> State:
        """What a checkpoint holds."""
        return State(
            weights_MP=self._weights_MP,
            averaged_MP=self._averaged_MP,
            best_MP=self._best_MP,
            optimiser=self._optimiser.state_dict(),
            best_scores=self._best_scores,
            best_epochs=self._best_epochs,
            epochs=self._epochs,
        )

    def restore(self, state: State) -> None:
        """Go on from a checkpoint."""
        for mine, held in (
            (self._weights_MP, state.weights_MP),
            (self._averaged_MP, state.averaged_MP),
            (self._best_MP, state.best_MP),
        ):
            mine.copy_(held)
        self._optimiser.load_state_dict(state.optimiser)
        self._best_scores, self._best_epochs = state.best_scores, state.best_epochs
        self._epochs = state.epochs


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """Members that take the same steps, and what each step needs of them."""

    numbers: Tensor
    rows: list[nn.Parameter]
    averaged: list[Tensor]
    decks: list[Deck]
    deck_A: Tensor
    """The place in `decks` of each member's."""
    loss: EnsembleLoss
    first: bool
    """True in the first epoch."""
