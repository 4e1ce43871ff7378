from pathlib import Path

from cmlstream.models import archive
from cmlstream.trainer.shipped import model_path, names


def test_a_name_is_a_model_that_ships() -> None:
    assert model_path("default") == archive.default_path()
    assert "default" in names()


def test_every_name_leads_to_an_archive() -> None:
    assert all(archive.load(model_path(name)).card.name for name in names())


def test_any_other_name_is_a_file() -> None:
    assert model_path("folder/tiny.pt") == Path("folder/tiny.pt")
    assert model_path("./default") == Path("default")
