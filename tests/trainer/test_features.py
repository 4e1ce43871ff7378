import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import ConfigurationError, CorpusError, InputError
from cmlstream.models.window import cut as whole_regions
from cmlstream.trainer.features import extract, version_of
from cmlstream.trainer.manifest import Clip, read_manifest
from cmlstream.trainer.pieces import PADDING_SAMPLES, cut, pieces_of, read_clip
from cmlstream.trainer.table import FeatureTable
from tests.signals import silence, speech_like
from tests.trainer.corpus import clip, write_corpus


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    return read_manifest(write_corpus(tmp_path_factory.mktemp("corpus"), speakers=2, takes=1))


class Count:
    def __init__(self) -> None:
        self.value = 0

    def __call__(self) -> None:
        self.value += 1


def test_a_clip_comes_in_at_sixteen_kilohertz(tmp_path: Path) -> None:
    voice_T = speech_like(1.0)
    soundfile.write(tmp_path / "same.wav", voice_T, SAMPLE_RATE, subtype="PCM_16")
    np.testing.assert_array_equal(read_clip(tmp_path / "same.wav"), voice_T)
    soundfile.write(tmp_path / "two.wav", np.stack([voice_T, voice_T], 1), 44_100, subtype="PCM_16")
    assert len(read_clip(tmp_path / "two.wav")) == pytest.approx(SAMPLE_RATE**2 / 44_100, abs=1)


def test_a_clip_too_loud_is_clipped_not_wrapped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", np.array([2.0, -2.0, 0.5] * 100), SAMPLE_RATE, subtype="FLOAT")
    assert read_clip(tmp_path / "loud.wav")[:3].tolist() == [32_767, -32_768, 16_384]


@pytest.mark.parametrize("content", [b"", b"RIFF????", b"not audio at all"])
def test_an_unreadable_clip_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.wav").write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.wav cannot be read as audio"):
        read_clip(tmp_path / "broken.wav")


def test_an_empty_clip_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), SAMPLE_RATE)
    with pytest.raises(InputError, match="holds no audio"):
        read_clip(tmp_path / "empty.wav")


def test_clips_are_cut_as_a_stream_would_cut_them() -> None:
    voice_T = np.concatenate([speech_like(3.4, 1), silence(1.0), speech_like(1.2, 2)])
    pieces = cut(voice_T)
    regions = [piece for piece in pieces if piece.final]
    assert len(regions) == 2
    windows = [piece for piece in pieces if not piece.final]
    assert windows
    for window in windows:
        assert len(window.samples) <= 3 * SAMPLE_RATE
        region = next(region for region in regions if region.region_start == window.region_start)
        offset = window.start - region.start
        np.testing.assert_array_equal(window.samples, region.samples[offset : offset + len(window.samples)])
    padded_T = np.concatenate([silence(0.5), voice_T, silence(0.5)])
    streamed = [window for window in whole_regions(padded_T) if window.final]
    assert [piece.start for piece in regions] == pytest.approx([r.start for r in streamed], abs=1_600)


def test_the_quiet_around_a_clip_is_not_taken_for_speech() -> None:
    assert cut(silence(2.0)) == []
    assert pieces_of(silence(2.0)) is None
    (region,) = [piece for piece in cut(speech_like(1.5)) if piece.final]
    assert region.start >= PADDING_SAMPLES - 0.25 * SAMPLE_RATE
    assert region.end <= PADDING_SAMPLES + 1.75 * SAMPLE_RATE


def test_pieces_carry_their_speech_and_finite_features() -> None:
    pieces = pieces_of(speech_like(2.5))
    assert pieces is not None
    assert pieces.features_NF.shape == (len(pieces.whole_N), 88)
    assert np.isfinite(pieces.features_NF).all()
    assert pieces.whole_N.tolist()[-1]
    assert 1.5 < pieces.speech_s_N[-1] <= 2.6


@pytest.fixture(scope="module")
def kept(clips: list[Clip], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FeatureTable]:
    cache, count = tmp_path_factory.mktemp("cache"), Count()
    table, problems = extract(clips, cache, count)
    assert problems == []
    assert count.value == len(clips)
    assert len(list(cache.iterdir())) == len(clips)
    return cache, table


@pytest.mark.slow
def test_extraction_is_cached(clips: list[Clip], kept: tuple[Path, FeatureTable]) -> None:
    cache, table = kept
    count = Count()
    assert table.clips == tuple(clips)
    stamps = {held: held.stat().st_mtime_ns for held in cache.iterdir()}
    again, problems = extract(clips[::-1], cache, count)
    assert problems == []
    assert count.value == len(clips)
    assert again.clips == tuple(clips[::-1])
    np.testing.assert_array_equal(again.subset([0]).features_NF, table.subset([len(clips) - 1]).features_NF)
    assert {held: held.stat().st_mtime_ns for held in cache.iterdir()} == stamps


@pytest.mark.slow
def test_what_is_damaged_in_the_cache_is_computed_again(
    clips: list[Clip], kept: tuple[Path, FeatureTable], tmp_path: Path
) -> None:
    cache = Path(shutil.copytree(kept[0], tmp_path / "cache"))
    damaged = min(cache.iterdir())
    damaged.write_bytes(damaged.read_bytes()[:100])
    (cache / "old.npz.1.part").touch()
    os.utime(cache / "old.npz.1.part", (0, 0))
    (cache / "new.npz.1.part").touch()
    again, problems = extract(clips, cache, Count())
    assert problems == []
    np.testing.assert_array_equal(again.features_NF, kept[1].features_NF)
    assert damaged.stat().st_size > 100
    assert [path.name for path in cache.glob("*.part")] == ["new.npz.1.part"]


def broken_files(folder: Path) -> list[Path]:
    soundfile.write(folder / "whole.flac", speech_like(2.0), SAMPLE_RATE, subtype="PCM_16")
    whole = (folder / "whole.flac").read_bytes()
    (folder / "truncated.flac").write_bytes(whole[: len(whole) // 2])
    (folder / "text.wav").write_text("not audio at all")
    (folder / "empty.wav").touch()
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    soundfile.write(folder / "quiet.wav", silence(1.0), SAMPLE_RATE)
    names = ("truncated.flac", "text.wav", "empty.wav", "folder.wav", "pipe.wav", "quiet.wav")
    # A file that is there and that not even an administrator can read.
    return [*(folder / name for name in names), Path("/proc/self/mem")]


@pytest.mark.slow
def test_every_kind_of_broken_file_is_told_and_skipped(tmp_path: Path) -> None:
    broken = [replace(clip(), path=path) for path in broken_files(tmp_path)]
    count = Count()
    table, problems = extract(
        [*broken, replace(clip(), path=tmp_path / "whole.flac")], tmp_path / "kept", count
    )
    assert [found.path.name for found in table.clips] == ["whole.flac"]
    assert [problem.path for problem in problems] == [found.path for found in broken]
    assert all(str(problem.path) in problem.reason for problem in problems)
    assert count.value == len(broken) + 1


def test_a_cache_that_cannot_be_written_is_named(clips: list[Clip]) -> None:
    with pytest.raises(ConfigurationError, match=r"cache /proc/nowhere cannot be written .* --cache"):
        extract(clips, Path("/proc/nowhere"), Count())


@pytest.mark.slow
def test_a_manifest_of_broken_files_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    broken = Clip(tmp_path / "broken.wav", "here", "xx", "source", "s9", "", "anger", 3.0, 3.0)
    with pytest.raises(CorpusError, match=r"None of the 1 clips gave features.*broken\.wav"):
        extract([broken], tmp_path / "cache", Count())


def test_the_version_changes_with_the_code_and_not_with_its_comments(tmp_path: Path) -> None:
    versions = []
    for text in ("x = 1\n", "# why\nx  =  1\n", "x = 2\n"):
        (tmp_path / "code.py").write_text(text)
        versions.append(version_of([tmp_path / "code.py"]))
    assert versions[0] == versions[1] != versions[2]
