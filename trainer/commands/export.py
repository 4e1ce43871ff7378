"""`cmlstream-train export`."""

from pathlib import Path

import click

from cmlstream.models.errors import ConfigurationError

from .common import FILE, one_sentence


@click.command()
@click.argument("checkpoint")
@click.option("-o", "--output", type=FILE, required=True, help="NAME.pt for an archive, NAME.onnx for ONNX.")
@click.option("--trust-model", is_flag=True, help="Accept an archive without its .sha256.")
@one_sentence
def export(checkpoint: str, output: Path, trust_model: bool) -> None:
    """Check a finished model and write it as an archive or as ONNX.

    CHECKPOINT is what `fit --checkpoint` left, the folder or its `model.pt`. As ONNX an archive can be
    written, too, or a model that ships, by its name: from the features on, for programs that run ONNX.

    Nothing is written unless the card is complete, all numbers are finite, the scripted model answers the
    reference audio as the trained one does, and audio in pieces is answered as all of it at once.
    """
    from cmlstream.models import archive
    from cmlstream.trainer import console
    from cmlstream.trainer.finished import NAME

    path = archive.path_of(checkpoint)
    path = path / NAME if path.is_dir() else path
    if path.resolve() == output.resolve():
        raise ConfigurationError(f"{output} is what is exported: name another -o.")
    match output.suffix:
        case ".pt":
            sha256 = _write_archive(path, output)
        case ".onnx":
            sha256 = _write_onnx(path, output, trust=trust_model)
        case _:
            raise ConfigurationError(f"{output} says no format: name it NAME.pt or NAME.onnx.")
    console.note(f"{output} written, SHA-256 {sha256}")


def _write_archive(path: Path, output: Path) -> str:
    from cmlstream.trainer.export import export
    from cmlstream.trainer.finished import read_finished

    finished = read_finished(path)
    return export(finished.model, finished.card, output)


def _write_onnx(path: Path, output: Path, *, trust: bool) -> str:
    from cmlstream.models import archive
    from cmlstream.trainer.finished import is_archive, read_finished
    from cmlstream.trainer.onnx_file import write_onnx

    if is_archive(path):
        loaded = archive.load(path, trust=trust)
        return write_onnx(loaded.script, loaded.card, output)
    finished = read_finished(path)
    return write_onnx(finished.model, finished.card, output)
