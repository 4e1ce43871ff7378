from math import inf, nan

import msgspec
import pytest

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel
from cmlstream.models.contract import ModelCard
from cmlstream.models.errors import ConfigurationError, ModelError
from cmlstream.trainer.completeness import TEXTS, check_card, check_hears, check_numbers
from tests.trainer.small_model import small_card, small_model, tampered


@pytest.fixture(scope="module")
def model() -> AffectModel:
    return small_model()


@pytest.fixture(scope="module")
def card(model: AffectModel) -> ModelCard:
    return small_card(model)


def test_a_card_of_which_nothing_is_missing_passes(card: ModelCard) -> None:
    assert {corpus.terms for corpus in card.corpora} == {"CC0", "not stated"}
    check_card(card)


@pytest.mark.parametrize("name", archive.shipped_names())
def test_a_model_that_ships_passes(name: str) -> None:
    loaded = archive.load(archive.path_of(name))
    check_hears(loaded.card)
    check_card(loaded.card)
    check_numbers(loaded.script, loaded.card)


@pytest.mark.parametrize("text", TEXTS)
def test_an_empty_text_is_named(card: ModelCard, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"lacks `{text}`: complete"):
        check_card(msgspec.structs.replace(card, **{text: " \n"}))


def test_everything_that_is_missing_is_told_at_once(card: ModelCard) -> None:
    unsaid = msgspec.structs.replace(card.corpora[1], terms="")
    lacking = msgspec.structs.replace(
        card, licence="", corpora=(card.corpora[0], unsaid), metrics={"uar": nan, "ece": inf, "wa": 0.5}
    )
    with pytest.raises(ConfigurationError) as caught:
        check_card(lacking)
    found = str(caught.value).partition("lacks ")[2].partition(": complete")[0]
    assert found == (
        "`licence`, the terms of the corpus `corpus1`, the figure `uar` (it is nan), "
        "the figure `ece` (it is inf)"
    )


@pytest.mark.parametrize(("field", "empty"), [("corpora", ()), ("metrics", {})])
def test_a_model_of_nothing_or_never_measured_is_refused(card: ModelCard, field: str, empty: object) -> None:
    with pytest.raises(ConfigurationError, match=r"lacks (its corpora|figures of clips that it never saw):"):
        check_card(msgspec.structs.replace(card, **{field: empty}))


def test_finite_numbers_of_the_right_sizes_pass(model: AffectModel, card: ModelCard) -> None:
    check_numbers(model, card)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_weight_that_is_not_finite_is_found(model: AffectModel, card: ModelCard, value: float) -> None:
    with pytest.raises(ModelError, match=r"not finite \(1 in `head\.emotion\.weight`\): fit it"):
        check_numbers(tampered(model, value), card)


@pytest.mark.parametrize("name", ["temperature", "novelty_offset"])
def test_a_constant_that_is_not_finite_is_found(model: AffectModel, card: ModelCard, name: str) -> None:
    broken = tampered(model, 0.0)
    setattr(broken, name, nan)
    with pytest.raises(ModelError, match=rf"not finite \(1 in `{name}`\)"):
        check_numbers(broken, card)


def test_a_card_of_other_sizes_is_refused(model: AffectModel, card: ModelCard) -> None:
    with pytest.raises(ModelError, match="makes 88 features an embedding of 4, its card says 88 and 6"):
        check_numbers(model, msgspec.structs.replace(card, embedding_size=6))


def test_features_that_no_front_end_computes_are_told_from_ours(card: ModelCard) -> None:
    check_hears(card)
    other = msgspec.structs.replace(card, feature_names=("energy", *card.feature_names[1:]))
    with pytest.raises(ConfigurationError, match=r"takes 88 features that an archive cannot .*\.onnx"):
        check_hears(other)
