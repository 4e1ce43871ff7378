"""The path through the pitch candidates: voicing decision and fundamental frequency.

Method: dynamic programming (Viterbi, IEEE Transactions on Information Theory 13, 1967) over seven states a
frame: six candidate slots and "unvoiced". Costs add up and the cheapest path wins; ties go to the lower slot.

Delay: frame n is read off the cheapest path at frame n + 39, or at the last frame. All surviving paths
usually agree much earlier (99 % within five frames), which gives the same answer: such frames are "decided"
and never change, however the search goes on. What is carried from one push to the next are the costs of the
surviving paths and the way back through the last 39 frames.

Quirks: the change of pitch is compared with that from the *previous slot* of the same frame, not with that
of the frame before; staying unvoiced costs 1; the second weight of the change is 10, like the first. Once a
frame has waited for 39 others, agreement is not looked for any more, and all but the last 39 frames are
decided.

Dimensions: B rows, T frames, C candidate slots, S states of the current frame, P states of the previous one,
K the last 39 frames that were searched, W these and the new ones.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor

VOICING_THRESHOLD = float(torch.tensor(0.7, dtype=torch.float32))


def _range_cost(frequency: Tensor) -> Tensor:
    """What a candidate pays for lying outside 100 to 350 Hz; 2 for an empty slot."""
    low = (1.0 - frequency / 100.0).clamp(min=0.0)
    high = ((frequency - 350.0) / 250.0).clamp(min=0.0)
    high = torch.where(frequency >= 600.0, torch.full_like(high, 1.2), high)
    return torch.where(frequency <= 0.0, torch.full_like(low, 2.0), low + high)


def local_cost(frequency_BTC: Tensor, voicing_BTC: Tensor, threshold: float) -> Tensor:
    """The cost of being in each state, [B, T, S]; the last state is "unvoiced"."""
    doubt_BTC = -voicing_BTC.clamp(0.01, 1.0).log() + 4.0 * (voicing_BTC < threshold)
    candidate_BTC = 2.0 * doubt_BTC + _range_cost(frequency_BTC)
    unvoiced_BT1 = 8.0 * (voicing_BTC >= threshold).any(2, keepdim=True)
    return torch.cat([candidate_BTC, unvoiced_BT1], 2)


def transition_cost(previous_BTC: Tensor, current_BTC: Tensor, begins_BT: Tensor) -> Tensor:
    """The cost of each move between frames, [B, T, S, P]; `begins_BT` marks the first move of a row."""
    before = previous_BTC.clamp(min=1e-3).log()
    now = current_BTC.clamp(min=1e-3).log()
    change_BTSP = now[:, :, :, None] - before[:, :, None, :]
    # The change from the slot before, minus this one, is the distance between the two previous candidates.
    beside_BTP = torch.nn.functional.pad(before[:, :, :-1] - before[:, :, 1:], [1, 0])
    second_BTSP = beside_BTP[:, :, None, :].abs().expand_as(change_BTSP).clone()
    second_BTSP[:, :, :, 0] = change_BTSP[:, :, :, 0].abs()
    at_origin = (change_BTSP[:, :, 0, 0] - 1.0).abs()
    second_BTSP[:, :, 0, 0] = torch.where(begins_BT, at_origin, second_BTSP[:, :, 0, 0])
    voiced_BTSP = 10.0 * (change_BTSP.abs() + second_BTSP)
    empty_BTSP = (current_BTC <= 0.0)[:, :, :, None] | (previous_BTC <= 0.0)[:, :, None, :]
    voiced_BTSP = torch.where(empty_BTSP, torch.full_like(voiced_BTSP, 999.0), voiced_BTSP)
    all_BTSP = torch.nn.functional.pad(voiced_BTSP, [0, 1, 0, 1], value=10.0)
    all_BTSP[:, :, -1, -1] = 1.0
    return all_BTSP


class PathState(NamedTuple):
    """Where the search of each row stands.

    `cost_BS` is the cost of the cheapest path into each state, `candidate_BC` the candidates of the last
    frame in Hz. For the last 39 frames, right-aligned: `back_BKS` the state each state came from, `pitch_BKS`
    the frequency each state stands for. `open_B` counts those of them that are not decided, and `late_B`
    tells that agreement once took too long. A row that has seen no frame may hold anything but for the last
    two.
    """

    cost_BS: Tensor
    candidate_BC: Tensor
    back_BKS: Tensor
    pitch_BKS: Tensor
    open_B: Tensor
    late_B: Tensor


class Decision(NamedTuple):
    """Fundamental frequencies of the frames behind the decided ones.

    `frequency_BW` in Hz, 0 where unvoiced, covers the last 39 frames of the previous push and the new ones,
    of which the places from `first_B` to `decided_B` have just been decided and those to `end_B` are open.
    """

    frequency_BW: Tensor
    first_B: Tensor
    decided_B: Tensor
    end_B: Tensor


def read_pitch(decision: Decision, until_B: Tensor, width: int) -> Tensor:
    """The fundamental frequency of the frames from the first open one to `until_B`, float32 [B, width]."""
    place_BU = decision.first_B[:, None] + torch.arange(width, device=until_B.device)
    inside_BU = place_BU < until_B[:, None]
    place_BU = place_BU.clamp(max=decision.frequency_BW.shape[1] - 1)
    return (decision.frequency_BW.gather(1, place_BU) * inside_BU).to(torch.float32)


def cheapest_costs(path_BS: Tensor, local_BTS: Tensor, move_BTSP: Tensor) -> Tensor:
    """Costs of the cheapest paths into every state, before the first frame and after each, [B, T + 1, S]."""
    paths = [path_BS]
    moves = move_BTSP.unbind(1)
    for frame, cost_BS in enumerate(local_BTS.unbind(1)):
        path_BS = (path_BS[:, None] + moves[frame]).amin(2) + cost_BS
        paths.append(path_BS)
    return torch.stack(paths, 1)


def compose(back_BTS: Tensor, frames: int) -> Tensor:
    """Maps from the states `frames` later (or at the end) to those of each frame, [B, T, S].

    `back_BTS` must map each state to itself after the end of a row. Doubling: maps over 1, 2, 4 ... frames
    are composed, as few as the binary digits of `frames`.
    """
    identity_S = torch.arange(back_BTS.shape[2], device=back_BTS.device)
    map_BTS = _later(back_BTS, 1, identity_S)
    span, done = 1, 0
    composed_BTS = identity_S.expand_as(back_BTS)
    while span <= frames:
        if frames & span:
            composed_BTS = composed_BTS.gather(2, _later(map_BTS, done, identity_S))
            done += span
        map_BTS = map_BTS.gather(2, _later(map_BTS, span, identity_S))
        span *= 2
    return composed_BTS


def _later(map_BTS: Tensor, frames: int, identity_S: Tensor) -> Tensor:
    """Shift along the frames; behind the end nothing moves."""
    missing = min(frames, map_BTS.shape[1])
    end_BTS = identity_S.expand(map_BTS.shape[0], missing, map_BTS.shape[2])
    return torch.cat([map_BTS[:, missing:], end_BTS], 1)


class PitchPath(torch.nn.Module):
    """Chooses one candidate, or none, for every frame of every row."""

    threshold: Final[float] = VOICING_THRESHOLD
    delay_frames: Final[int] = 39
    states: Final[int] = 7

    @torch.jit.export
    def begin(self, rows: int, device: torch.device) -> PathState:
        """The state of rows without a frame."""
        costs_BS = torch.zeros([rows, self.states], dtype=torch.float64, device=device)
        back_BKS = torch.arange(self.states, device=device).repeat(rows, self.delay_frames, 1)
        pitch_BKS = torch.zeros([rows, self.delay_frames, self.states], dtype=torch.float64, device=device)
        none_B = torch.zeros([rows], dtype=torch.int64, device=device)
        return PathState(costs_BS, costs_BS[:, 1:], back_BKS, pitch_BKS, none_B, none_B > 0)

    def forward(
        self, state: PathState, seen_B: Tensor, candidates: tuple[Tensor, Tensor, Tensor], count_B: Tensor
    ) -> tuple[PathState, Decision]:
        """Search on through `count_B` new frames a row, of rows that have seen `seen_B` frames before.

        `candidates` are the frequencies in Hz and probabilities of voicing, [B, T, C], and whether a frame is
        loud enough to have a pitch, [B, T].
        """
        frequency_BTC, voicing_BTC, loud_BT = candidates
        back_BTS, cost_BTS = self.search(state, seen_B, frequency_BTC, voicing_BTC)
        pitch_BTS = torch.nn.functional.pad(frequency_BTC * loud_BT[:, :, None], [0, 1])
        back_BWS = torch.cat([state.back_BKS, back_BTS], 1)
        pitch_BWS = torch.cat([state.pitch_BKS, pitch_BTS], 1)
        place_W = torch.arange(back_BWS.shape[1], device=count_B.device)
        end_B1 = (self.delay_frames + count_B)[:, None]
        identity_S = torch.arange(self.states, device=count_B.device)
        back_BWS = torch.where((place_W < end_B1)[:, :, None], back_BWS, identity_S)
        earlier_BWS = compose(back_BWS, self.delay_frames)
        agreed_BW = (earlier_BWS == earlier_BWS[:, :, :1]).all(2)
        # The cheapest state after each frame from the last of the previous push on; no other is asked for.
        best_BT = cost_BTS.argmin(2)
        reader_BW = torch.minimum(place_W + self.delay_frames, end_B1 - 1) - (self.delay_frames - 1)
        state_BW1 = earlier_BWS.gather(2, best_BT.gather(1, reader_BW.clamp(min=0))[:, :, None])
        frequency_BW = pitch_BWS.gather(2, state_BW1)[:, :, 0]
        first_B = self.delay_frames - state.open_B
        open_BW = (place_W >= first_B[:, None]) & (place_W < end_B1)
        overdue_BW = open_BW & (place_W < count_B[:, None])
        late_B = state.late_B | (overdue_BW & ~agreed_BW).any(1)
        decided_BW = overdue_BW | (open_BW & agreed_BW & ~late_B[:, None])
        decided_B = torch.maximum(((place_W + 1) * decided_BW).amax(1), first_B)
        searched_B1 = torch.arange(self.delay_frames, device=count_B.device) + count_B[:, None]
        kept_BKS = searched_B1[:, :, None].expand(-1, -1, self.states)
        last_BC = torch.cat([state.candidate_BC[:, None], frequency_BTC], 1)
        moved = PathState(
            _at(cost_BTS, count_B),
            _at(last_BC, count_B),
            back_BWS.gather(1, kept_BKS),
            pitch_BWS.gather(1, kept_BKS),
            end_B1[:, 0] - decided_B,
            late_B,
        )
        return moved, Decision(frequency_BW, first_B, decided_B, end_B1[:, 0])

    @torch.jit.export
    def search(
        self, state: PathState, seen_B: Tensor, frequency_BTC: Tensor, voicing_BTC: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The states that states came from, [B, T, S], costs before and after each frame, [B, T + 1, S]."""
        local_BTS = local_cost(frequency_BTC, voicing_BTC, self.threshold)
        before_BTC = torch.cat([state.candidate_BC[:, None], frequency_BTC], 1)[:, :-1]
        number_BT = seen_B[:, None] + torch.arange(frequency_BTC.shape[1], device=seen_B.device)
        move_BTSP = transition_cost(before_BTC, frequency_BTC, number_BT == 1)
        # Into its first frame a row moves from nowhere: every state comes from itself, at no cost.
        elsewhere_SP = 1.0 - torch.eye(self.states, dtype=move_BTSP.dtype, device=seen_B.device)
        first_BT = (number_BT == 0)[:, :, None, None]
        move_BTSP = torch.where(first_BT, 1e9 * elsewhere_SP, move_BTSP)
        cost_BTS = cheapest_costs(state.cost_BS * (seen_B > 0)[:, None], local_BTS, move_BTSP)
        return (cost_BTS[:, :-1, None] + move_BTSP).argmin(3), cost_BTS


def _at(values_BTD: Tensor, place_B: Tensor) -> Tensor:
    """The values of one place of each row, [B, D]."""
    return values_BTD.gather(1, place_B[:, None, None].expand(-1, 1, values_BTD.shape[2]))[:, 0]
