from cmlstream.trainer.reproduce.marks import marks_of
from cmlstream.trainer.reproduce.our_tables import our_tables, points, recipe
from cmlstream.trainer.reproduce.results import Results
from cmlstream.trainer.reproduce.run import versions
from cmlstream.trainer.settings import FitSettings
from tests.trainer.reproduce.test_marks import RECORDS


def text() -> str:
    results = Results(
        command="",
        seeds=(4,),
        epochs=1,
        ours=FitSettings(),
        networks=1,
        minutes=0.1,
        versions=versions(),
        clips={},
        choices=(),
        records=tuple(RECORDS),
        gains=(),
        marks=tuple(marks_of(RECORDS)),
    )
    return "\n\n".join(our_tables(results))


def test_the_first_table_says_what_is_reached() -> None:
    assert "| 2. UAR above the SVM's, mean | ≥ .050 | .055 ✓ |" in text()
    assert "| 2. UAR above the SVM's, worst language | ≥ .000 | −.010 ✗ (en) |" in text()
    assert "| 2. r of valence | ≥ .400 | – |" in text()
    assert "| 3. calibration error, mean | ≤ .050 | .045 ✓ |" in text()


def test_languages_stand_beside_the_baselines_with_their_mean() -> None:
    lines = text().splitlines()
    (german,) = [line for line in lines if line.startswith("| ours | de |")]
    assert german.startswith("| ours | de | .720 ± .000 | .600 | +12.0 | .710 ± .000 | .750 |")
    (mean,) = [line for line in lines if line.startswith("| ours | mean of 2 |")]
    assert mean.startswith("| ours | mean of 2 | .605 | .550 | +5.5 | .710 | .750 | – | – | .045 (–) |")
    (together,) = [line for line in lines if "all left out, together" in line]
    assert together.startswith("| ours | all left out, together | .100 ± .000 | – | – |")


def test_a_recipe_is_told_in_a_line() -> None:
    assert "60 epochs of batches of 64" in recipe(FitSettings())
    assert "\n" not in recipe(FitSettings())


def test_points_have_a_sign() -> None:
    assert points(0.0512) == "+5.1"
    assert points(-0.0512) == "−5.1"
    assert points(-0.0001) == "+0.0"
