"""Whether what the program leans on works here, and what to do about each thing that does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click
import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import InputError, ModelError, ServiceError

from .embedded_redis import embedded_redis
from .sources.portaudio import devices

if TYPE_CHECKING:
    from collections.abc import Callable


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    healthy: bool
    found: str
    """What was found, or what is wrong and what to do about it."""


def examine(redis_url: str | None, *, as_json: bool) -> bool:
    """Look at everything, print it, and tell whether all is well."""
    checks = [check_torch(), check_model(), check_microphone(), check_embedded_redis()]
    if redis_url:
        checks.append(check_redis(redis_url))
    if as_json:
        click.echo(msgspec.json.encode(checks))
    else:
        Console().print(_table(checks))
    return all(check.healthy for check in checks)


def check_torch() -> Check:
    """Load torch and do what features need: one built for another machine fails here, not mid-speech."""
    try:
        import torch

        torch.linalg.eigvals(torch.fft.rfft(torch.eye(4)).abs() @ torch.ones(3, 4))
    except (ImportError, OSError, RuntimeError) as error:
        return Check("torch", False, f"it does not work here ({error}): install torch anew")
    return Check("torch", True, f"torch {torch.__version__} computes on this machine")


def check_model() -> Check:
    """Load the model that ships and let it judge two seconds of noise."""

    def judge() -> str:
        # Imports torch, which is what may not work here.
        from cmlstream.models import archive

        loaded = archive.load(archive.default_path())
        noise_T = np.random.default_rng(0).integers(-1000, 1000, 2 * SAMPLE_RATE).astype(np.int16)
        features_BF = loaded.features([noise_T])
        estimate = loaded.estimate(features_BF, [loaded.prior.mean_F], [loaded.prior.deviation_F])[0]
        card = loaded.card
        return f"{card.name} {card.version} loads and answers (novelty of noise {estimate.novelty:.0%})"

    return _checked("model", judge)


def check_microphone() -> Check:
    """List the microphones."""

    def listed() -> str:
        microphones = devices()
        if not microphones:
            raise InputError("there is none: plug one in, or listen to a file, `-` or `sample`")
        return ", ".join(microphone.name for microphone in microphones)

    return _checked("microphone", listed)


def check_embedded_redis() -> Check:
    """Start the private server of `--redis embedded` for a moment, and publish to it."""

    async def started() -> str:
        async with embedded_redis() as url:
            return await _published_to(url)

    return _checked("embedded redis", lambda: asyncio.run(started()))


def check_redis(url: str) -> Check:
    """Connect to a Redis as `listen` would."""
    return _checked("redis", lambda: asyncio.run(_published_to(url)))


async def _published_to(url: str) -> str:
    from .sinks.redis import RedisSink

    sink = RedisSink(url)
    await sink.connect()
    await sink.close()
    return f"{sink.address} answers and takes events"


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except (InputError, ModelError, ServiceError, ImportError) as error:
        return Check(name, False, str(error))


def _table(checks: list[Check]) -> Table:
    table = Table.grid(padding=(0, 2))
    for check in checks:
        mark = Text("ok", "green") if check.healthy else Text("no", "red")
        table.add_row(mark, check.name, Text(check.found))
    return table
