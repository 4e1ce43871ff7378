from statistics import fmean, stdev

import msgspec
import pytest

from cmlstream.trainer.reproduce.baselines import METHOD, Choice
from cmlstream.trainer.reproduce.gains import gains_of
from cmlstream.trainer.reproduce.markdown import number
from cmlstream.trainer.reproduce.networks import Measured, Subject
from cmlstream.trainer.reproduce.protocol import SEEDS, Protocol
from cmlstream.trainer.reproduce.records import records_of
from cmlstream.trainer.reproduce.results import Results
from cmlstream.trainer.reproduce.run import versions
from cmlstream.trainer.reproduce.scoring import EVERYWHERE, Score
from cmlstream.trainer.reproduce.tables import render
from cmlstream.trainer.settings import FitSettings
from cmlstream.trainer.table import Normalisation


def measured(
    method: str, protocol: Protocol, trained_on: str, seed: int, uars: dict[str, float | None]
) -> Measured:
    scores = [Score(language, uar, None, None, None, None) for language, uar in uars.items()]
    return Measured(Subject(method, protocol, Normalisation.CAUSAL, trained_on, seed), tuple(scores))


def left_out(method: str, seed: int, de: float, en: float | None) -> list[Measured]:
    return [
        measured(
            method, Protocol.LEAVE_ONE_OUT, f"all but {language}", seed, {EVERYWHERE: uar, language: uar}
        )
        for language, uar in (("de", de), ("en", en))
    ]


PLAIN = [one for place, seed in enumerate(SEEDS) for one in left_out("none", seed, 0.4 + place / 100, 0.3)]
BETTER = [one for place, seed in enumerate(SEEDS) for one in left_out("act", seed, 0.46 + place / 90, 0.32)]
WORSE = [one for place, seed in enumerate(SEEDS) for one in left_out("val", seed, 0.3 + place / 90, 0.3)]
EQUAL = [
    one
    for place, seed in enumerate(SEEDS)
    for one in left_out("elr", seed, 0.4 + place / 100 + 0.02 * (-1) ** place, 0.3)
]


def test_figures_are_means_over_seeds() -> None:
    found = {(record.trained_on, record.language): record for record in records_of(PLAIN)}
    assert set(found) == {
        ("all but de", "de"), ("all but de", "all"), ("all but en", "en"), ("all but en", "all"),
    }  # fmt: skip
    uar = found["all but de", "de"].uar
    values = [0.4 + place / 100 for place in range(5)]
    assert uar is not None
    assert (uar.mean, uar.deviation, uar.n) == (pytest.approx(fmean(values)), pytest.approx(stdev(values)), 5)
    assert found["all but de", "de"].activation is None


def test_folds_of_all_seeds_are_one_figure_and_a_missing_one_is_not_counted() -> None:
    folds = [
        measured("act", Protocol.APART, f"fold {fold}", seed, {EVERYWHERE: None if fold == 5 else fold / 10})
        for seed in SEEDS
        for fold in range(1, 6)
    ]
    (record,) = records_of(folds)
    assert record.trained_on == "the other folds"
    assert record.uar is not None
    assert (record.uar.mean, record.uar.n) == (pytest.approx(0.25), 20)


def test_a_gain_holds_where_its_interval_over_seeds_is_above_zero() -> None:
    found = {gain.method: gain for gain in gains_of(PLAIN + BETTER + WORSE + EQUAL, ["act", "val", "elr"])}
    assert {method: gain.holds for method, gain in found.items()} == {
        "act": "yes", "val": "no", "elr": "undecided",
    }  # fmt: skip
    act = found["act"]
    differences = [((0.46 + place / 90) - (0.4 + place / 100) + 0.02) / 2 for place in range(5)]
    assert act.gain == pytest.approx(fmean(differences))
    assert act.interval == pytest.approx(2.7764 * stdev(differences) / 5**0.5, rel=1e-3)  # t of 4 degrees
    assert act.value - act.plain == pytest.approx(act.gain)
    assert act.seeds == 5


def test_one_seed_decides_nothing() -> None:
    (gain,) = gains_of(left_out("none", 4, 0.4, 0.3) + left_out("act", 4, 0.9, 0.9), ["act"])
    assert gain.holds == "undecided"


def results() -> Results:
    one_language = [
        measured(method, Protocol.ONE_LANGUAGE, "de", 4, {EVERYWHERE: uar, "en": uar})
        for method, uar in (("none", 0.25), ("actval", 0.35), (METHOD, 0.45))
    ]
    folds = [measured("act", Protocol.SHARED, "fold 1", 4, {EVERYWHERE: 0.5})]
    everything = PLAIN + BETTER + WORSE + one_language + folds
    return Results(
        command="cmlstream-train reproduce manifest.csv -o there",
        seeds=SEEDS,
        epochs=100,
        ours=FitSettings(),
        networks=30,
        minutes=1.5,
        versions=versions(),
        clips={"de": 10, "en": 20},
        choices=(Choice("causal", "emotion", 1.0, 0.01, 0.52),),
        records=tuple(records_of(everything)),
        gains=tuple(gains_of(everything, ["act", "val"])),
        marks=(),
    )


def test_the_tables_say_what_holds_and_how_it_was_made() -> None:
    text = render(results())
    assert "| leave one language out | causal | .360 | +.041 ✓ | −.049 ✗ | – | – | – |" in text
    assert "| act | .482 | .320 | .401 |" in text
    assert "| de | – | .250 / .350 / .450 |" in text or "| de | .250 / .350 / .450 |" in text
    assert "| act | causal | .500 | – | – | – | – |" in text
    assert "seeds 4, 13, 6, 47, 59; 30 networks in 1.5 minutes" in text
    assert "the paper's: 100 epochs; ours: hidden layers 128, 64, latent 16" in text
    assert "| causal | emotion | 1 | 0.01 | .520 |" in text
    for line in text.splitlines():
        assert line == line.rstrip()


def test_results_survive_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(results()), type=Results) == results()


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, ".500"), (-0.25, "−.250"), (1.0, "1.000"), (10.0, "10.000"), (None, "–")]
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text
