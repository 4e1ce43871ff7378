import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.stream.recording.place import Place, create_file, make_root


def test_names_of_audio_sort_as_positions_do(tmp_path):
    place = Place.of(tmp_path, "desk", "1700000000000-abc")
    names = [place.audio(start).name for start in (0, 9, 100_000, 16_000 * 86_400 * 365)]
    assert names == sorted(names)
    assert place.events.parent == tmp_path / "desk" / "1700000000000-abc"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../desk", "a/b", "/etc", "a\n", "a\0b", ".hidden", "x" * 65]
)
def test_no_name_leads_elsewhere(tmp_path, name):
    for stream, session in ((name, "1-a"), ("desk", name)):
        with pytest.raises(ValueError, match="cannot name a folder"):
            Place.of(tmp_path, stream, session)


def test_a_link_in_place_of_a_stream_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "desk").symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        Place.of(tmp_path, "desk", "1-a").make()
    assert not any(elsewhere.iterdir())


def test_nothing_is_made_twice(tmp_path):
    place = Place.of(tmp_path, "desk", "1-a")
    place.make()
    with pytest.raises(FileExistsError):
        place.make()
    place.events.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create_file(place.events)
    assert not (tmp_path / "elsewhere").exists()


def test_a_root_that_cannot_be_made_is_the_user_s_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match="--record"):
            make_root(root)
    make_root(tmp_path / "new" / "below")
    assert (tmp_path / "new" / "below").stat().st_mode & 0o777 == 0o700
