"""The path through the pitch candidates: voicing decision and fundamental frequency.

Method: dynamic programming (Viterbi, IEEE Transactions on Information Theory 13, 1967) over seven states a
frame: six candidate slots and "unvoiced". Costs add up and the cheapest path wins; ties go to the lower slot.

Delay: frame n is read off the cheapest path at frame n + 39, or at the last frame. All surviving paths
usually agree much earlier (99 % within five frames), which gives the same answer: such frames are "decided",
and functionals read no others.

Quirks: the change of pitch is compared with that from the *previous slot* of the same frame, not with that
of the frame before; staying unvoiced costs 1; the second weight of the change is 10, like the first. Once a
frame has waited for 39 others, agreement is not looked for any more, and all but the last 39 frames are
decided.

Dimensions: B rows, T frames, C candidate slots, S states of the current frame, P states of the previous one.
"""

from typing import Final

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


def search(local_BTS: Tensor, transition_BTSP: Tensor) -> tuple[Tensor, Tensor]:
    """Follow the cheapest path into every state, frame by frame.

    Returns for each frame the state each state came from, [B, T, S] (frame 0: itself), and the cheapest
    state so far, [B, T].
    """
    path_BS = local_BTS[:, 0]
    back_BS = torch.arange(path_BS.shape[1], device=path_BS.device).expand(path_BS.shape)
    paths, backs = [path_BS], [back_BS]
    moves = transition_BTSP.unbind(1)
    for frame, cost_BS in enumerate(local_BTS.unbind(1)[1:]):
        cheapest_BS, back_BS = (path_BS[:, None] + moves[frame]).min(2)
        path_BS = cheapest_BS + cost_BS
        paths.append(path_BS)
        backs.append(back_BS)
    return torch.stack(backs, 1), torch.stack(paths, 1).argmin(2)


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


def count_agreed(back_BTS: Tensor, count_B: Tensor, delay: int) -> Tensor:
    """Count the frames on which all paths agree at the end of each row, [B]; from age `delay` on they do."""
    rows, _, states = back_BTS.shape
    map_BS = torch.arange(states, device=back_BTS.device).expand(rows, states)
    agreed_B = (count_B - delay).clamp(min=0)
    for age in range(1, delay):
        frame_B = count_B - age
        step_BS = back_BTS.gather(1, frame_B.clamp(min=0)[:, None, None].expand(-1, 1, states))[:, 0]
        map_BS = step_BS.gather(1, map_BS)
        agree_B = (map_BS == map_BS[:, :1]).all(1) & (frame_B > 0)
        agreed_B = torch.where(agree_B, torch.maximum(agreed_B, frame_B), agreed_B)
    return agreed_B


class PitchPath(torch.nn.Module):
    """Chooses one candidate, or none, for every frame of every row."""

    threshold: Final[float] = VOICING_THRESHOLD
    delay_frames: Final[int] = 39

    def forward(self, frequency_BTC: Tensor, voicing_BTC: Tensor, count_B: Tensor) -> tuple[Tensor, Tensor]:
        """Fundamental frequency in Hz (0 where unvoiced), [B, T], and the number of decided frames, [B].

        `count_B` are the frames of each row; frames behind them are 0. A row without frames has none decided.
        """
        rows, width, _ = frequency_BTC.shape
        if width == 0:
            return frequency_BTC.sum(2), torch.zeros_like(count_B)
        local_BTS = local_cost(frequency_BTC, voicing_BTC, self.threshold)
        begins_BT = torch.zeros([rows, width - 1], dtype=torch.bool, device=count_B.device)
        begins_BT[:, :1] = True
        moves_BTSP = transition_cost(frequency_BTC[:, :-1], frequency_BTC[:, 1:], begins_BT)
        back_BTS, best_BT = search(local_BTS, moves_BTSP)
        frame_T = torch.arange(width, device=count_B.device)
        inside_BT = frame_T < count_B[:, None]
        identity_S = torch.arange(local_BTS.shape[2], device=count_B.device)
        back_BTS = torch.where(inside_BT[:, :, None], back_BTS, identity_S)
        earlier_BTS = compose(back_BTS, self.delay_frames)
        reader_BT = torch.minimum(frame_T + self.delay_frames, (count_B - 1).clamp(min=0)[:, None])
        state_BT = earlier_BTS.gather(2, best_BT.gather(1, reader_BT)[:, :, None])[:, :, 0]
        choices_BTS = torch.nn.functional.pad(frequency_BTC, [0, 1])
        chosen_BT = choices_BTS.gather(2, state_BT[:, :, None])[:, :, 0] * inside_BT
        late_BT = (earlier_BTS != earlier_BTS[:, :, :1]).any(2) & (
            frame_T + self.delay_frames < count_B[:, None]
        )
        return chosen_BT, self.decided(back_BTS, count_B, late_BT.any(1))

    @torch.jit.export
    def decided(self, back_BTS: Tensor, count_B: Tensor, late_B: Tensor) -> Tensor:
        """Count the decided frames of each row, [B]; `late_B` tells that agreement once took too long."""
        agreed_B = count_agreed(back_BTS, count_B, self.delay_frames)
        return torch.where(late_B, count_B - self.delay_frames, agreed_B)
