"""How fast this machine does the main job, measured from outside, as users and their programs meet it."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click
import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import connect

from cmlstream.models import archive
from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.models.errors import CmlstreamError
from cmlstream.models.segment import Segmenter
from cmlstream.models.window import RollingWindows

from .events import Affect, SpeechStarted, StreamEnded, StreamStarted, decode
from .sources.convert import Converter
from .sources.file import read_whole
from .sources.open import SAMPLE_PATH

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from .events import Event

HELP_RUNS = 5
RESAMPLED_RATES = (44_100, 48_000)
"""Hz of most microphones that cannot do 16 kHz."""
PROGRAM = (sys.executable, "-m", "cmlstream.stream")


class Figure(msgspec.Struct, frozen=True):
    """One measurement."""

    name: str
    value: float
    unit: str


def measure() -> None:
    """Measure everything; print a table to standard error and JSON to standard output."""
    figures = [
        help_time(),
        first_estimate_time(),
        *compute_per_update(),
        *asyncio.run(live_figures()),
        *(resampler_delay(rate) for rate in RESAMPLED_RATES),
    ]
    table = Table("figure", "value", "unit")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.3g}", figure.unit)
    Console(stderr=True).print(table)
    click.echo(msgspec.json.format(msgspec.json.encode(figures)))


def help_time() -> Figure:
    """Time `cmlstream --help`, start of the interpreter included; the median of several runs."""
    times_s = []
    for _ in range(HELP_RUNS):
        began = time.perf_counter()
        subprocess.run([*PROGRAM, "--help"], check=True, stdout=subprocess.DEVNULL)
        times_s.append(time.perf_counter() - began)
    return Figure("cmlstream --help", float(np.median(times_s)), "s")


def first_estimate_time() -> Figure:
    """Time from typing `listen sample` to the first estimate on standard output."""
    began = time.perf_counter()
    command = [*PROGRAM, "listen", "sample", "--json", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if isinstance(decode(line), Affect):
                break
        else:
            raise CmlstreamError("`cmlstream listen sample` ended without an estimate: run it to see why.")
        elapsed_s = time.perf_counter() - began
        process.terminate()
    return Figure("listen sample to first estimate", elapsed_s, "s")


def compute_per_update() -> list[Figure]:
    """Time the model on the rolling windows of the sample, as the engine calls it, on one thread."""
    import torch

    torch.set_num_threads(1)
    loaded = archive.load(archive.default_path())
    segmenter = Segmenter()
    rolling = RollingWindows(
        round(loaded.card.window_s * SAMPLE_RATE), loaded.card.hop_ms * SAMPLE_RATE // 1000
    )
    windows = rolling.push(segmenter.push(read_whole(SAMPLE_PATH), 0) + segmenter.flush())
    prior, times_ms = loaded.prior, []
    began = time.perf_counter()
    for window, features_BF in zip(windows, loaded.regions().follow(windows), strict=True):
        loaded.estimate(features_BF, [prior.mean_F], [prior.deviation_F])
        if not window.final:
            times_ms.append((time.perf_counter() - began) * 1000)
        began = time.perf_counter()
    return _percentiles("compute per update", times_ms)


async def live_figures() -> list[Figure]:
    """Play the sample in real time and follow it as a websocket client: delay over the hop, and memory."""
    async with _listening() as (process, url):
        delays_ms = [delay_ms async for delay_ms in _delays(url)]
        await process.wait()
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return [
        *_percentiles("end of hop's audio to event at a websocket client", delays_ms),
        Figure("resident memory, peak", peak_kib / 1024, "MiB"),
    ]


@asynccontextmanager
async def _listening() -> AsyncIterator[tuple[Process, str]]:
    """Start `listen sample --realtime` on a free port; yield it with the address of its events."""
    command = [*PROGRAM, "listen", "sample", "--realtime", "--port", "0", "--json"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process, await _events_url(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _events_url(process: Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        for word in line.decode().split():
            if word.startswith("ws://"):
                return word
    raise CmlstreamError("`cmlstream listen` ended before it said where its events are: run it to see why.")


async def _delays(url: str) -> AsyncIterator[float]:
    """Yield for every rolling estimate how long after the end of its hop's audio it arrived, in ms.

    The hop ends at the grid point that the window was due at: the first on or after the end of its speech.
    """
    started: StreamStarted | None = None
    region_start = 0
    async for event, arrived in _events(url):
        match event:
            case StreamStarted():
                started = event
            case SpeechStarted():
                region_start = event.start_sample
            case Affect() if started is not None:
                hop_samples = started.hop_ms * SAMPLE_RATE // 1000
                hops = -(-(event.end_sample - region_start) // hop_samples)
                behind_s = (region_start + hops * hop_samples - event.end_sample) / SAMPLE_RATE
                yield (arrived - event.end_time.timestamp() - behind_s) * 1000
            case _:
                pass


async def _events(url: str) -> AsyncIterator[tuple[Event, float]]:
    async with connect(f"{url}&since=0", proxy=None) as socket:
        async for payload in socket:
            event = decode(payload)
            yield event, time.time()
            if isinstance(event, StreamEnded):
                return


def resampler_delay(rate: int) -> Figure:
    """Return how much audio the resampler holds back at most, when it gets 20 ms at a time."""
    converter = Converter(rate, 1)
    silence_TC = np.zeros((rate // 50, 1), np.int16)
    pushed_s = heard_s = longest_s = 0.0
    for _ in range(100):
        pushed_s += len(silence_TC) / rate
        heard_s += len(converter.push(silence_TC)) / SAMPLE_RATE
        longest_s = max(longest_s, pushed_s - heard_s)
    return Figure(f"audio that the resampler holds back at {rate} Hz", 1000 * longest_s, "ms")


def _percentiles(name: str, values: list[float]) -> list[Figure]:
    return [
        Figure(f"{name}, p{percentile}", float(np.percentile(values, percentile)), "ms")
        for percentile in (50, 99)
    ]
