import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from cmlstream.models import archive
from cmlstream.models.affect import AffectModel, Calibration
from cmlstream.models.archive import Archive
from cmlstream.models.baseline import FeaturePrior
from cmlstream.models.contract import ARCHIVE_FORMAT, EMOTIONS, SAMPLE_RATE, ModelCard, Samples
from cmlstream.models.egemaps import FEATURE_NAMES, FrontEnd
from cmlstream.models.encoder import DEFAULT, AffectHead, Encoder
from cmlstream.models.errors import ModelError
from tests.signals import speech_like

CARD = ModelCard(
    format=ARCHIVE_FORMAT,
    name="untrained",
    version="1",
    created="2026-01-01",
    licence="none",
    description="random weights",
    limits="says nothing about anybody",
    sample_rate=SAMPLE_RATE,
    window_s=3.0,
    hop_ms=250,
    feature_set="eGeMAPSv02",
    feature_names=FEATURE_NAMES,
    emotions=EMOTIONS,
    embedding_size=DEFAULT.latent,
    label_scale="[-1, 1]",
    parameters=0,
    corpora=(),
    metrics={},
    recipe="none",
)

NOVELTY_OFFSET = -3.0


@pytest.fixture(scope="module")
def voices() -> list[Samples]:
    return [speech_like(duration_s, seed) for seed, duration_s in enumerate((1.0, 2.5, 1.7))]


@pytest.fixture(scope="module")
def model(voices: list[Samples]) -> AffectModel:
    torch.manual_seed(3)
    front_end = FrontEnd()
    waveform_BT, lengths_B = batch(voices)
    features_BF = front_end(waveform_BT, lengths_B).numpy()
    prior = FeaturePrior(features_BF.mean(0), features_BF.std(0) + 0.1 * np.abs(features_BF).mean(0) + 0.01)
    encoder, head = Encoder(len(FEATURE_NAMES), DEFAULT), AffectHead(DEFAULT.latent)
    calibration = Calibration(1.5, (0.01,) * len(FEATURE_NAMES), (0.02,) * len(FEATURE_NAMES), NOVELTY_OFFSET)
    return AffectModel(front_end, prior, encoder, head, calibration).eval()


@pytest.fixture(scope="module")
def saved(model: AffectModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "untrained.pt"
    archive.save(model, CARD, path)
    return path


@pytest.fixture(scope="module")
def loaded(saved: Path) -> Archive:
    return archive.load(saved)


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    path = tmp_path / saved.name
    shutil.copy(saved, path)
    shutil.copy(sidecar(saved), sidecar(path))
    return path


def sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def sign(path: Path) -> None:
    sidecar(path).write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


def batch(voices: list[Samples]) -> tuple[torch.Tensor, torch.Tensor]:
    waveform_BT = torch.zeros(len(voices), max(map(len, voices)))
    for row, voice_T in enumerate(voices):
        waveform_BT[row, : len(voice_T)] = torch.from_numpy(voice_T / np.float32(32_768))
    return waveform_BT, torch.tensor([len(voice_T) for voice_T in voices])


def test_a_loaded_archive_answers_as_the_model_that_was_saved(
    model: AffectModel, loaded: Archive, voices: list[Samples]
) -> None:
    with torch.inference_mode():
        before = model(*batch(voices))
        after = loaded.script(*batch(voices))
    for name, one, other in zip(before._fields, before, after, strict=True):
        torch.testing.assert_close(
            other, one, rtol=1e-4, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_the_card_comes_back(loaded: Archive) -> None:
    assert loaded.card == CARD


def test_the_same_weights_and_card_give_the_same_bytes(
    model: AffectModel, saved: Path, tmp_path: Path
) -> None:
    again = archive.save(model, CARD, tmp_path / "under-another-name.pt")
    assert again == hashlib.sha256(saved.read_bytes()).hexdigest()


def test_an_archive_tells_nothing_of_the_machine_that_wrote_it(saved: Path) -> None:
    content = saved.read_bytes()
    assert str(Path(archive.__file__).parents[1]).encode() not in content
    assert b"site-packages" not in content


def test_sha256sum_accepts_the_sidecar(saved: Path) -> None:
    subprocess.run(
        ["sha256sum", "--check", sidecar(saved).name], cwd=saved.parent, check=True, capture_output=True
    )


def test_saving_leaves_nothing_half_written(saved: Path) -> None:
    assert sorted(path.name for path in saved.parent.iterdir()) == ["untrained.pt", "untrained.pt.sha256"]


BARE_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import torch, warnings
warnings.simplefilter("ignore")
try:
    import cmlstream.models
    sys.exit("cmlstream can be imported here, so this test shows nothing")
except ImportError:
    pass
model = torch.jit.load(sys.argv[2])
audio = torch.load(sys.argv[3])
torch.save(tuple(model(audio["waveform"], audio["lengths"])), sys.argv[4])
"""


@pytest.mark.slow
def test_a_bare_torch_runs_the_archive(
    loaded: Archive, saved: Path, voices: list[Samples], tmp_path: Path
) -> None:
    waveform_BT, lengths_B = batch(voices)
    torch.save({"waveform": waveform_BT, "lengths": lengths_B}, tmp_path / "audio.pt")
    packages = sysconfig.get_paths()["purelib"]
    command = [sys.executable, "-I", "-S", "-c", BARE_PROGRAM, packages]
    command += [str(path) for path in (saved, tmp_path / "audio.pt", tmp_path / "outputs.pt")]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    with torch.inference_mode():
        here = loaded.script(waveform_BT, lengths_B)
    for one, other in zip(here, torch.load(tmp_path / "outputs.pt"), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)


def test_features_do_not_depend_on_the_company(loaded: Archive, voices: list[Samples]) -> None:
    together_BF = loaded.features(voices)
    assert together_BF.shape == (3, len(FEATURE_NAMES))
    for row, voice_T in enumerate(voices):
        np.testing.assert_allclose(loaded.features([voice_T])[0], together_BF[row], rtol=1e-3, atol=1e-4)


def test_estimates_are_probabilities_on_the_published_scale(loaded: Archive, voices: list[Samples]) -> None:
    prior = loaded.prior
    features_BF = loaded.features(voices)
    estimates = loaded.estimate(features_BF, [prior.mean_F] * 3, [prior.deviation_F] * 3)
    assert len(estimates) == 3
    for row, estimate in enumerate(estimates):
        assert -1 <= estimate.activation <= 1
        assert -1 <= estimate.valence <= 1
        assert sum(estimate.emotion) == pytest.approx(1, abs=1e-5)
        assert estimate.confidence == pytest.approx(max(estimate.emotion))
        assert 0 <= estimate.novelty <= 1
        assert estimate.embedding_D.shape == (DEFAULT.latent,)
        np.testing.assert_array_equal(estimate.features_F, features_BF[row])
        expected_F = (features_BF[row] - prior.mean_F) / prior.deviation_F
        np.testing.assert_allclose(estimate.scores_F, expected_F.clip(-10, 10), rtol=1e-3, atol=1e-3)


def test_each_row_is_scored_against_its_own_baseline(loaded: Archive, voices: list[Samples]) -> None:
    prior = loaded.prior
    features_BF = loaded.features([voices[0], voices[0]])
    one, other = loaded.estimate(features_BF, [prior.mean_F, features_BF[0]], [prior.deviation_F] * 2)
    assert np.abs(one.scores_F).max() > 0.1
    np.testing.assert_allclose(other.scores_F, 0, atol=1e-3)


def test_novelty_reads_the_scores_and_their_squares_up_to_a_limit(loaded: Archive) -> None:
    prior = loaded.prior
    features_BF = [prior.mean_F + distance * prior.deviation_F for distance in (0.0, 1.0, -1.0, 5.0, 9.0)]
    estimates = loaded.estimate(features_BF, [prior.mean_F] * 5, [prior.deviation_F] * 5)
    average, above, below, far, farther = (estimate.novelty for estimate in estimates)
    assert average == pytest.approx(logistic(NOVELTY_OFFSET), abs=1e-5)
    assert above == pytest.approx(logistic(NOVELTY_OFFSET + 88 * (0.01 + 0.02)), abs=1e-3)
    assert below == pytest.approx(logistic(NOVELTY_OFFSET + 88 * (-0.01 + 0.02)), abs=1e-3)
    assert far == pytest.approx(farther, abs=1e-6)


def logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_no_input_makes_an_output_undefined(loaded: Archive, value: float) -> None:
    prior = loaded.prior
    features_BF = np.full((1, len(FEATURE_NAMES)), value)
    (estimate,) = loaded.estimate(features_BF, [prior.mean_F], [prior.deviation_F])
    numbers = [
        estimate.activation,
        estimate.valence,
        estimate.confidence,
        estimate.novelty,
        *estimate.emotion,
    ]
    assert np.isfinite(numbers).all()
    assert np.isfinite(estimate.embedding_D).all()
    assert np.abs(estimate.scores_F).max() <= 10


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.pt cannot be read \(No such file"):
        archive.load(tmp_path / "absent.pt")


def test_without_its_sidecar_an_archive_must_be_trusted(copied: Path) -> None:
    sidecar(copied).unlink()
    with pytest.raises(ModelError, match="--trust-model"):
        archive.load(copied)
    assert archive.load(copied, trust=True).card == CARD


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("claim", ["0" * 64 + "  untrained.pt\n", "", "\n"])
def test_an_archive_that_contradicts_its_sidecar_is_never_trusted(
    copied: Path, claim: str, trust: bool
) -> None:
    sidecar(copied).write_text(claim)
    with pytest.raises(ModelError, match="changed or damaged"):
        archive.load(copied, trust=trust)


def test_one_changed_byte_is_noticed(copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    content[len(content) // 2] ^= 1
    copied.write_bytes(content)
    with pytest.raises(ModelError, match="changed or damaged"):
        archive.load(copied)


@pytest.mark.parametrize("kept", [0, 100, 100_000])
def test_a_truncated_archive_is_refused(copied: Path, kept: int) -> None:
    copied.write_bytes(copied.read_bytes()[:kept])
    sign(copied)
    with pytest.raises(ModelError, match="not a whole TorchScript archive"):
        archive.load(copied)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": ARCHIVE_FORMAT + 1}, f"has format {ARCHIVE_FORMAT + 1} and this program reads"),
        ({"sample_rate": 8_000}, "works at 8000 Hz"),
        ({"feature_names": FEATURE_NAMES[::-1]}, "trained on other features"),
        ({"emotions": ("calm", "angry")}, "names other emotions"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(copied: Path, change: dict[str, object], complaint: str) -> None:
    rewrite_card(copied, msgspec.json.encode(msgspec.structs.replace(CARD, **change)))
    with pytest.raises(ModelError, match=re.escape(complaint)):
        archive.load(copied)


@pytest.mark.parametrize(
    "card", [b"", b"{}", b"not json", f'{{"format": {ARCHIVE_FORMAT}, "surprise": 2}}'.encode()]
)
def test_an_unreadable_card_is_refused(copied: Path, card: bytes) -> None:
    rewrite_card(copied, card)
    with pytest.raises(ModelError, match="no readable card"):
        archive.load(copied)


def rewrite_card(path: Path, card: bytes) -> None:
    with zipfile.ZipFile(path) as before:
        records = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(path, "w") as after:
        for name, content in records.items():
            after.writestr(name, card if name.endswith(archive.CARD) else content)
    sign(path)


def test_the_model_that_ships_is_whole_and_says_what_it_is() -> None:
    shipped = archive.load(archive.default_path())
    assert shipped.card.embedding_size > 0
    assert shipped.card.limits
    assert {corpus.name for corpus in shipped.card.corpora} == {"emodb", "ravdess", "nemo", "emotiontts_ko"}
    assert all(corpus.terms != "not stated" for corpus in shipped.card.corpora)
    assert shipped.card.metrics["unseen_languages_uar"] > 0.25


def test_a_name_is_a_model_that_ships_and_anything_else_a_file() -> None:
    assert archive.shipped_names() == ["cc0", "default"]
    assert archive.path_of("default") == archive.default_path()
    assert archive.path_of("folder/tiny.pt") == Path("folder/tiny.pt")
    assert archive.path_of("./default") == Path("default")


@pytest.mark.parametrize("name", archive.shipped_names())
def test_every_model_that_ships_loads_and_tells_its_terms(name: str) -> None:
    card = archive.load(archive.path_of(name)).card
    assert card.name == f"cmlstream-{name}"
    assert all(corpus.terms != "not stated" for corpus in card.corpora)
    if name == "cc0":
        assert all("CC0" in corpus.terms for corpus in card.corpora)
