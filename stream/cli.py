"""The command line: parses, calls, and turns errors into sentences and exit codes.

Everything heavy (torch, redis, websockets, rich) is imported by the command that needs it, so that `--help`
stays fast.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cmlstream.models.errors import CmlstreamError

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG_LEVELS = ("debug", "info", "warning", "error")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("cmlstream"), message="%(version)s")
@click.option("--log-level", type=click.Choice(LOG_LEVELS), default="warning", show_default=True)
def cli(log_level: str) -> None:
    """Live speech affect: activation, valence and emotion from a microphone, a file or a pipe."""
    logging.basicConfig(level=log_level.upper(), format="%(levelname)s %(name)s: %(message)s")


@cli.command()
@click.argument("source", required=False)
@click.option("--stream", metavar="ID", help="Name of the stream.  [default: live]")
@click.option("--redis", metavar="URL", help="Publish to this Redis; `embedded` starts a private one.")
@click.option("--host", help="Address to serve the page and events on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to serve them on; 0 takes a free one.  [default: 8765]")
@click.option("--insecure", is_flag=True, default=None, help="Allow a --host that others can reach.")
@click.option(
    "--model", metavar="NAME", help="`default`, `cc0` (for every use) or an archive.  [default: default]"
)
@click.option("--trust-model", is_flag=True, default=None, help="Accept an archive without .sha256.")
@click.option("--hop-ms", type=int, help="Distance of rolling estimates.  [default: 250]")
@click.option("--window-s", type=float, help="Speech each rolling estimate looks at.  [default: 3]")
@click.option("--realtime", is_flag=True, default=None, help="Play a file at its own pace.")
@click.option("--rate", type=int, help="Hz of raw audio on standard input.  [default: 16000]")
@click.option("--channels", type=int, help="Channels of raw audio on standard input.  [default: 1]")
@click.option("--channel", type=int, help="Listen to this channel only, counted from 1.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings in TOML.")
@click.option("--json", "as_json", is_flag=True, help="Write events as JSON lines to standard output.")
def listen(config: Path | None, as_json: bool, **options: object) -> None:
    """Listen to SOURCE and publish what is heard.

    SOURCE is `mic` (default), `mic:NAME-OR-INDEX`, a FILE, `-` for raw 16-bit PCM on standard input, or
    `sample` for the synthetic speech that ships.
    """
    from .listen import run_listen

    run_listen({name: value for name, value in options.items() if value is not None}, config, as_json=as_json)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array.")
def devices(as_json: bool) -> None:
    """List the microphones."""
    from .show import show_devices

    show_devices(as_json=as_json)


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="TABLE",
    help="A .csv or .parquet file to write.  [default: CSV on standard output]",
)
@click.option("--lld", is_flag=True, help="Write the 25 descriptors of every 10 ms instead.")
def features(files: tuple[Path, ...], output: Path | None, lld: bool) -> None:
    """Write the 88 eGeMAPS functionals of FILES, under openSMILE's column names."""
    from .features import write_features
    from .tables import Level

    write_features(files, output, Level.DESCRIPTORS if lld else Level.FUNCTIONALS)


@cli.command()
@click.option("--model", metavar="NAME", default="default", help="`default`, `cc0` or an archive.")
@click.option("--trust-model", is_flag=True, help="Accept an archive without .sha256.")
@click.option("--json", "as_json", is_flag=True, help="Write the card as JSON.")
def model(model: str, trust_model: bool, as_json: bool) -> None:
    """Show the card of the model in use."""
    from .show import show_model

    show_model(model, trust=trust_model, as_json=as_json)


@cli.command()
@click.option("--redis", metavar="URL", help="Also check this Redis.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array.")
def doctor(redis: str | None, as_json: bool) -> None:
    """Check microphone, Redis, torch and model, and say what to do about each that fails."""
    from .doctor import examine

    if not examine(redis, as_json=as_json):
        sys.exit(2)


@cli.command()
def bench() -> None:
    """Measure start-up, compute per update, delay and memory: a table, and JSON on standard output."""
    from .bench import measure

    measure()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits 0 done, 2 the user's mistake, 1 our fault."""
    try:
        cli.main(args=arguments, prog_name="cmlstream", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except (CmlstreamError, ExceptionGroup) as error:
        sys.exit(_explain(error))


def _explain(error: CmlstreamError | ExceptionGroup[Exception]) -> int:
    """Show an error meant for the user as one sentence; anything else keeps its traceback."""
    if isinstance(error, CmlstreamError):
        click.echo(f"cmlstream: {error}", err=True)
        return error.exit_code
    meant, others = error.split(CmlstreamError)
    if meant is None or others is not None:
        raise error
    first: CmlstreamError | ExceptionGroup[CmlstreamError] = meant
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    return _explain(first)
