from math import nan
from pathlib import Path

from cmlstream.trainer.readers.base import Recording
from cmlstream.trainer.readers.direction import complaints


def judged(emotion: str, activation: float, valence: float) -> Recording:
    return Recording(Path("a.wav"), "1", "f", "", emotion, activation, valence)


SOUND = [judged("anger", 4.5, 1.5), judged("sadness", 2.0, 2.0), judged("happiness", 4.0, 4.5)]


def test_labels_the_right_way_up() -> None:
    assert complaints(SOUND) == []


def test_activation_upside_down() -> None:
    turned = [judged(one.emotion, 6 - one.activation, one.valence) for one in SOUND]
    (complaint,) = complaints(turned)
    assert "activation should run from 1, calm" in complaint


def test_valence_upside_down() -> None:
    turned = [judged(one.emotion, one.activation, 6 - one.valence) for one in SOUND]
    (complaint,) = complaints(turned)
    assert "valence should run from 1, unpleasant" in complaint


def test_without_labels_there_is_nothing_to_say() -> None:
    assert complaints([judged(one.emotion, nan, nan) for one in SOUND]) == []
    assert complaints([]) == []
