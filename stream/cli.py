"""The command line: parses, calls, and turns errors into sentences and exit codes.

Everything heavy (torch, redis, websockets, rich) is imported by the command that needs it, so that `--help`
stays fast.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
@click.option("--record", metavar="DIR", help="Keep audio and events in this folder.  [default: keep none]")
@click.option("--host", help="Address to serve the page and events on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to serve them on; 0 takes a free one.  [default: 8765]")
@click.option("--insecure", is_flag=True, default=None, help="Allow a --host that others can reach.")
@click.option(
    "--model", metavar="NAME", help="`default`, `cc0` (for every use) or an archive.  [default: default]"
)
@click.option("--trust-model", is_flag=True, default=None, help="Accept an archive without .sha256.")
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda")), help="What the model runs on.")
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

    run_listen(_told(options), config, as_json=as_json)


@cli.command()
@click.option("--host", help="Address to serve on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to serve on; 0 takes a free one.  [default: 8765]")
@click.option(
    "--insecure", is_flag=True, default=None, help="Allow a --host that others reach without tokens and TLS."
)
@click.option("--certificate", metavar="FILE", help="The server's certificate, for TLS (PEM).")
@click.option("--private-key", metavar="FILE", help="Its key, where the certificate's file lacks it.")
@click.option("--tokens", metavar="FILE", help="Who may send and follow; read anew at SIGHUP.")
@click.option("--redis", metavar="URL", help="Publish to this Redis; `embedded` starts a private one.")
@click.option("--record", metavar="DIR", help="Keep audio and events in this folder.  [default: keep none]")
@click.option(
    "--model", metavar="NAME", help="`default`, `cc0` (for every use) or an archive.  [default: default]"
)
@click.option("--trust-model", is_flag=True, default=None, help="Accept an archive without .sha256.")
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda")), help="What the model runs on.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings in TOML.")
@click.option("--print-config", is_flag=True, help="Show the settings in force, without secrets, and end.")
def serve(config: Path | None, print_config: bool, **options: object) -> None:
    """Take audio from many senders over the network and publish what is heard.

    Senders connect to /v1/ingest, followers to /v1/events. Settings come from --config, then from the
    environment (CMLSTREAM_PORT=9000, CMLSTREAM_LIMITS__STREAMS=50), then from the options here.
    """
    from .serve import run_serve

    run_serve(_told(options), config, print_config=print_config)


@cli.command()
@click.argument("source")
@click.argument("url")
@click.option("--stream", metavar="ID", help="Name of the stream.  [default: this machine's name]")
@click.option(
    "--token-file", type=click.Path(path_type=Path), metavar="FILE", help="What the server demands."
)
@click.option("--realtime", is_flag=True, help="Play a file at its own pace.")
@click.option(
    "--rate", type=int, default=16_000, show_default=True, help="Hz of raw audio on standard input."
)
@click.option(
    "--channels", type=int, default=1, show_default=True, help="Channels of raw audio on standard input."
)
@click.option("--channel", type=int, help="Listen to this channel only, counted from 1.")
@click.option("--json", "as_json", is_flag=True, help="Write the summary as JSON to standard output.")
def send(
    source: str, url: str, stream: str | None, token_file: Path | None, as_json: bool, **wanted: Any
) -> None:
    """Send SOURCE to the server at URL, ws://HOST:PORT or wss://HOST:PORT.

    SOURCE is as for `listen`. What the server has not acknowledged is kept and sent again when the link
    breaks; a microphone that is unplugged is waited for. A token comes from --token-file or CMLSTREAM_TOKEN.
    """
    from .send import SendSettings, run_send
    from .sources.open import SourceSettings

    run_send(SendSettings(source, url, stream, token_file, SourceSettings(**wanted)), as_json=as_json)


@cli.command()
@click.argument("url")
@click.option("--stream", "streams", multiple=True, metavar="ID", help="This stream only; can be repeated.")
@click.option(
    "--since",
    multiple=True,
    metavar="SEQ",
    help="Begin after this event, 0 at the oldest; or SESSION:SEQ; or an age such as 60s.",
)
@click.option(
    "--type", "types", multiple=True, metavar="TYPE", help="Events of this type only; can be repeated."
)
@click.option("--features", is_flag=True, help="With the acoustic features of every estimate.")
@click.option("--embedding/--no-embedding", default=True, help="With or without the embedding.")
@click.option("--until-end", is_flag=True, help="End when all these streams have ended.")
@click.option(
    "--token-file", type=click.Path(path_type=Path), metavar="FILE", help="What the server demands."
)
@click.option("--json", "as_json", is_flag=True, help="Write events as JSON lines to standard output.")
def watch(url: str, **options: Any) -> None:
    """Watch the streams of the server or Redis at URL, side by side.

    URL is ws://HOST:PORT, wss://HOST:PORT, redis://HOST:PORT or rediss://HOST:PORT. A lost connection is
    taken up again where it was. A token comes from --token-file or CMLSTREAM_TOKEN.
    """
    from .watch import WatchOptions, run_watch

    run_watch(WatchOptions(url, **options))


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array.")
def devices(as_json: bool) -> None:
    """List the microphones."""
    from .show import show_devices

    show_devices(as_json=as_json)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--speed", metavar="X", default="1", show_default=True, help="Times faster; `max` as fast as it goes."
)
@click.option("--redis", metavar="URL", help="Publish to this Redis; `embedded` starts a private one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve the events on.")
@click.option(
    "--port", type=int, default=8765, show_default=True, help="Port to serve them on; 0 takes a free one."
)
@click.option("--insecure", is_flag=True, help="Allow a --host that others can reach.")
@click.option("--json", "as_json", is_flag=True, help="Write events as JSON lines to standard output.")
def replay(folder: Path, **options: Any) -> None:
    """Publish a recording again: what `--record` kept in DIR, or the part of it in a folder below.

    Events are the recorded ones, with their sessions, numbers and times. They come when they came then;
    pauses of more than five seconds are cut short. One stream's sessions follow each other.
    """
    from .replay import ReplaySettings, run_replay

    run_replay(folder, ReplaySettings(**options))


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


def _told(options: dict[str, object]) -> dict[str, object]:
    """Return the options that were given; the others leave what file and environment say."""
    return {name: value for name, value in options.items() if value is not None}


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
