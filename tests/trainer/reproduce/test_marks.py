import pytest

from cmlstream.trainer.reproduce.baselines import METHOD
from cmlstream.trainer.reproduce.marks import Mark, marks_of
from cmlstream.trainer.reproduce.ours import OURS
from cmlstream.trainer.reproduce.protocol import Protocol
from cmlstream.trainer.reproduce.records import EACH_IN_TURN, Figure, Record

LEFT_OUT = str(Protocol.LEAVE_ONE_OUT)


def figure(value: float | None) -> Figure | None:
    return None if value is None else Figure(value, 0.0, 5)


def record(
    method: str,
    language: str,
    uar: float,
    activation: float | None = None,
    ece: float | None = None,
    protocol: str = LEFT_OUT,
) -> Record:
    return Record(
        method=method,
        protocol=protocol,
        normalisation="causal",
        trained_on=EACH_IN_TURN if language == "all" else f"all but {language}",
        language=language,
        uar=figure(uar),
        activation=figure(activation),
        valence=None,
        mean_activation=None,
        mean_valence=None,
        ece=figure(ece),
    )


RECORDS = [
    record(METHOD, "de", 0.60, 0.75),
    record(METHOD, "en", 0.50),
    record(OURS, "de", 0.72, 0.71, ece=0.08),
    record(OURS, "en", 0.49, ece=0.01),
    record(OURS, "all", 0.1, 0.1, ece=0.9),
]


def found(records: list[Record] = RECORDS) -> dict[str, Mark]:
    return {mark.what: mark for mark in marks_of(records)}


def test_means_are_over_languages_and_the_worst_language_is_named() -> None:
    marks = found()
    mean, worst = marks["UAR above the SVM's, mean"], marks["UAR above the SVM's, worst language"]
    assert (mean.value, mean.reached, mean.where) == (pytest.approx(0.055), True, "")
    assert (worst.value, worst.reached, worst.where) == (pytest.approx(-0.01), False, "en")


def test_correlations_are_asked_of_languages_with_labels() -> None:
    marks = found()
    assert (marks["r of activation"].value, marks["r of activation"].reached) == (0.71, True)
    above = marks["r of activation above the SVR's"]
    assert (above.value, above.reached, above.where) == (pytest.approx(-0.04), False, "de")
    assert "r of valence" not in marks


def test_a_calibration_error_is_to_be_small() -> None:
    error = found()["calibration error, mean"]
    assert (error.value, error.at_most, error.reached) == (pytest.approx(0.045), True, True)
    too_large = found([*RECORDS[:2], record(OURS, "de", 0.7, ece=0.06)])["calibration error, mean"]
    assert not too_large.reached


def test_a_difference_from_nothing_is_no_mark() -> None:
    assert "UAR above the SVM's, mean" not in found(RECORDS[2:])
    assert found(RECORDS[:2]) == {}


def test_each_protocol_has_marks_of_its_own() -> None:
    transfer = record(OURS, "ur", 0.5, 0.6, protocol=str(Protocol.TRANSFER))
    marks = [mark for mark in marks_of([*RECORDS, transfer]) if mark.what == "r of activation"]
    assert [(mark.protocol, mark.where, mark.reached) for mark in marks] == [
        (LEFT_OUT, "de", True),
        (Protocol.TRANSFER, "ur", False),
    ]
