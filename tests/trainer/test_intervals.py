import msgspec
import numpy as np
import pytest

from cmlstream.models.contract import EMOTIONS
from cmlstream.trainer import intervals
from cmlstream.trainer.evaluation import Predictions, measure
from cmlstream.trainer.intervals import Bootstrap, draws, measure_with_intervals
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.samples import Answers, Followed
from tests.trainer.by_the_book import of_answers, of_followed, repeated_answers, repeated_followed
from tests.trainer.corpus import clip

BOOTSTRAP = Bootstrap(draws=300, seed=5)


def random_answers(speakers: int, count: int = 120) -> Answers:
    generator = np.random.default_rng(speakers)
    truth_N = generator.integers(0, 4, count)
    heard_N = generator.random(count) < 0.6
    return Answers(
        speaker_N=generator.integers(0, speakers, count).astype(str),
        truth_N=truth_N,
        named_N=np.where(heard_N, truth_N, generator.integers(0, 4, count)),
        confidence_N=generator.uniform(0.25, 1.0, count),
    )


def random_followed(speakers: int, count: int = 120) -> Followed:
    generator = np.random.default_rng(speakers)
    label_N = generator.integers(0, 9, count) / 4 - 1
    predicted_N = (0.5 * label_N + generator.normal(0, 0.3, count)).clip(-1, 1)
    return Followed(generator.integers(0, speakers, count).astype(str), predicted_N, label_N)


def random_clips(speakers: int, takes: int = 6, seed: int = 0) -> tuple[list[Clip], Predictions]:
    """Clips of speakers that the model hears well or badly, with labels of both dimensions."""
    generator = np.random.default_rng(seed)
    clips = [
        clip(f"s{speaker}", emotion, activation=float(generator.integers(2, 11)) / 2, valence=3.0 + take % 2)
        for speaker in range(speakers)
        for emotion in EMOTIONS
        for take in range(takes)
    ]
    emotion_NE = generator.dirichlet(np.ones(4), len(clips))
    activation_N = np.array([(each.activation - 3) / 4 for each in clips])
    noisy_N = activation_N + generator.normal(0, 0.4, len(clips))
    return clips, Predictions(noisy_N, generator.uniform(-1, 1, len(clips)), emotion_NE)


def written_out(sample: Answers | Followed) -> list[np.ndarray]:
    """How often each clip counts, drawn speaker by speaker from what `draws` says of the speakers."""
    return [times_N.astype(int) for chunk_DN in draws(sample, BOOTSTRAP) for times_N in chunk_DN]


def percentiles(rows: list[list[float]]) -> list[tuple[float, float]]:
    return [tuple(np.nanpercentile(column, [2.5, 97.5])) for column in np.transpose(rows)]


@pytest.mark.filterwarnings("ignore:A single label was found")
def test_intervals_of_answers_are_those_of_plain_resampling() -> None:
    answers = random_answers(6)
    slow = percentiles([of_answers(repeated_answers(answers, times_N)) for times_N in written_out(answers)])
    np.testing.assert_allclose(intervals.intervals(answers, BOOTSTRAP), slow, atol=1e-12)


def test_intervals_of_agreement_are_those_of_plain_resampling() -> None:
    followed = random_followed(5)
    slow = percentiles(
        [of_followed(repeated_followed(followed, times_N)) for times_N in written_out(followed)]
    )
    np.testing.assert_allclose(intervals.intervals(followed, BOOTSTRAP), slow, atol=1e-9)


def test_a_draw_takes_speakers_whole_and_as_many_as_there_are() -> None:
    answers = random_answers(7)
    speakers_S, first_S = np.unique(answers.speaker_N, return_index=True)
    rows = written_out(answers)
    assert len(rows) == BOOTSTRAP.draws
    for times_N in rows:
        assert times_N[first_S].sum() == len(speakers_S)
        for speaker, first in zip(speakers_S, first_S, strict=True):
            assert (times_N[answers.speaker_N == speaker] == times_N[first]).all()
    # A speaker is drawn once on average, and three or more times in 8 % of draws.
    assert np.mean([times_N[first_S] for times_N in rows]) == pytest.approx(1.0)
    assert np.mean([times_N[first_S] >= 3 for times_N in rows]) == pytest.approx(0.073, abs=0.02)


def test_how_many_are_counted_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = random_answers(6)
    together = intervals.intervals(answers, BOOTSTRAP)
    assert None not in together
    monkeypatch.setattr(intervals, "CELLS_AT_ONCE", 7 * len(answers.truth_N))
    np.testing.assert_allclose(intervals.intervals(answers, BOOTSTRAP), together)


def test_the_seed_decides() -> None:
    clips, predictions = random_clips(5)
    first = measure_with_intervals(clips, predictions, BOOTSTRAP)
    assert measure_with_intervals(clips, predictions, BOOTSTRAP) == first
    other = measure_with_intervals(clips, predictions, Bootstrap(BOOTSTRAP.draws, seed=6))
    assert other.uar_interval != first.uar_interval
    assert other.uar == first.uar


def test_intervals_stand_beside_the_figures_that_they_belong_to() -> None:
    clips, predictions = random_clips(8)
    found = measure_with_intervals(clips, predictions, BOOTSTRAP)
    plain = msgspec.to_builtins(measure(clips, predictions))
    bounded = msgspec.to_builtins(found)
    for name in ("uar", "wa", "auroc"):
        lowest, highest = bounded[f"{name}_interval"]
        assert lowest < plain[name] == bounded[name] < highest
    for side in ("activation", "valence"):
        for name in ("pearson", "spearman", "ccc"):
            lowest, highest = bounded[side][f"{name}_interval"]
            assert lowest < plain[side][name] == bounded[side][name] < highest
    assert list(found.recall_interval) == list(found.recall) == list(EMOTIONS)


def test_more_speakers_narrow_an_interval_and_more_clips_of_the_same_do_not() -> None:
    def width(clips: list[Clip], predictions: Predictions) -> float:
        interval = measure_with_intervals(clips, predictions, BOOTSTRAP).uar_interval
        assert interval is not None
        return interval[1] - interval[0]

    clips, predictions = random_clips(6)
    again = predictions.of(np.tile(np.arange(len(clips)), 4))
    assert width(clips * 4, again) == pytest.approx(width(clips, predictions))
    assert width(*random_clips(60)) < 0.6 * width(clips, predictions)


def test_one_speaker_has_figures_and_no_intervals() -> None:
    found = measure_with_intervals(*random_clips(1), BOOTSTRAP)
    assert found.uar is not None
    assert found.activation.pearson is not None
    assert found.uar_interval is found.ece_interval is found.auroc_interval is None
    assert found.recall_interval == dict.fromkeys(EMOTIONS)
    assert found.activation.pearson_interval is found.valence.ccc_interval is None


def test_a_class_of_one_speaker_has_no_interval_and_the_others_do() -> None:
    clips, predictions = random_clips(4)
    kept = np.array(
        [row for row, each in enumerate(clips) if each.emotion != "anger" or each.speaker == "s1"]
    )
    found = measure_with_intervals([clips[row] for row in kept], predictions.of(kept), BOOTSTRAP)
    assert found.recall_interval["anger"] is None
    assert found.recall_interval["sadness"] is not None
    assert found.uar_interval is not None


def test_speakers_without_a_label_take_no_part_in_agreement() -> None:
    clips, predictions = random_clips(4)
    unlabelled = [without_labels(each) for each in clips]
    more = measure_with_intervals(
        clips + unlabelled, predictions.of(np.tile(np.arange(len(clips)), 2)), BOOTSTRAP
    )
    assert more.activation == measure_with_intervals(clips, predictions, BOOTSTRAP).activation


def without_labels(labelled: Clip) -> Clip:
    return clip(f"other {labelled.speaker}", labelled.emotion)


def test_where_all_is_right_confidence_discriminates_nothing() -> None:
    clips, predictions = random_clips(4)
    right = Predictions(
        predictions.activation_N,
        predictions.valence_N,
        np.array([np.eye(4)[each.emotion_number] for each in clips]),
    )
    found = measure_with_intervals(clips, right, BOOTSTRAP)
    assert found.auroc is found.auroc_interval is None
    assert found.uar_interval == (1.0, 1.0)
