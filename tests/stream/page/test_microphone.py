"""A browser's microphone speaks a clip to a real service, and its page shows what came of it."""

import asyncio
import csv
import json
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import psutil
import pytest
import soundfile

from cmlstream.models.contract import SAMPLE_RATE
from cmlstream.stream.events import Gap
from tests.stream.line import Line
from tests.stream.page.browser import Browser, Visit, browsing
from tests.stream.page.speaking import (
    ALLOWED,
    COUNTS,
    FAKE_DEVICE,
    SAYS,
    SPEAKER,
    Received,
    begin,
    clip_T,
    counted,
    speaking,
    stop,
)
from tests.stream.service import Service, events_until_end, following, service

pytestmark = pytest.mark.slow

Run = Callable[..., CompletedProcess[bytes]]
Estimates = list[dict[str, Any]]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(FAKE_DEVICE, ALLOWED, speaking(tmp_path_factory.mktemp("clip"))) as started:
        yield started


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Received:
    return Received(monkeypatch)


async def shown_estimates(visit: Visit) -> tuple[Estimates, int]:
    """Return the final estimates that the page shows, in full, and how many rolling ones."""
    async with visit.page.expect_download() as download:
        await visit.page.click("text=CSV of all")
    path = await (await download.value).path()
    rows = list(csv.DictReader(path.read_text().splitlines()))
    return [row for row in rows if row["type"] == "speech.ended"], sum(
        row["type"] == "affect" for row in rows
    )


def listened_estimates(run_program: Run, path: Path) -> Estimates:
    completed = run_program("listen", path, "--json", "--port", "0")
    assert completed.returncode == 0, completed.stderr
    events = map(json.loads, completed.stdout.splitlines())
    return [event for event in events if event["type"] == "speech.ended"]


def between(estimates: Estimates) -> list[timedelta]:
    """The time from each region's end to the next."""
    ends = [datetime.fromisoformat(one["end_time"]) for one in estimates]
    return [later - earlier for earlier, later in pairwise(ends)]


def test_what_is_spoken_is_shown_as_it_would_be_heard_from_a_file(
    browser: Browser, received: Received, run_program: Run, tmp_path: Path
) -> None:
    shown: Estimates = []

    async def check() -> None:
        async with service() as live, browser.open(live.address.page_url) as visit:
            await begin(visit, "desk")
            await visit.shows(SAYS, "is sent as the stream “desk”")
            await visit.shows(SPEAKER, "New speaker in “desk”")
            await visit.shows(SAYS, "Nothing but silence arrives")
            await visit.shows(COUNTS, "nothing waits, nothing lost")
            await stop(visit)
            finals, rolling = await shown_estimates(visit)
            assert rolling > 3
            shown.extend(finals)
        assert visit.complaints == []

    browser.run(check())
    soundfile.write(tmp_path / "received.wav", received.samples_T, received.rate, subtype="PCM_16")
    soundfile.write(tmp_path / "clip.wav", received.delayed(clip_T()), SAMPLE_RATE, subtype="PCM_16")
    heard = listened_estimates(run_program, tmp_path / "received.wav")
    spoken = listened_estimates(run_program, tmp_path / "clip.wav")
    assert len(shown) == len(heard) == len(spoken) >= 2
    for told, kept, said in zip(shown, heard, spoken, strict=True):
        for name in ("activation", "valence", "confidence", "novelty", "speech_s", "baseline_s"):
            assert float(told[name]) == pytest.approx(kept[name], abs=1e-3)
        for name, probability in kept["emotion"].items():
            assert float(told[name]) == pytest.approx(probability, abs=1e-3)
        for name in ("activation", "valence"):
            assert float(told[name]) == pytest.approx(said[name], abs=0.05)
    for one, other in zip(between(shown), between(heard), strict=True):
        # On a busy machine the session may find its clock a little late, and correct it.
        assert abs(one - other) <= timedelta(milliseconds=200)


@asynccontextmanager
async def behind(line: Line) -> AsyncIterator[Service]:
    """A service that is reached by `line` only."""
    origin = f"http://127.0.0.1:{line.port}"
    async with service(settings={"allowed_origins": (origin,)}) as live:
        line.lead_to(live.address)
        yield live
        line.lead_nowhere()


def test_a_server_that_is_started_again_gets_all_that_was_said_meanwhile(
    browser: Browser, received: Received
) -> None:
    async def check() -> None:
        line = Line()
        async with line.laid(), browser.open() as visit:
            async with behind(line):
                await visit.page.goto(f"http://127.0.0.1:{line.port}/")
                await begin(visit)
                await counted(visit, "sent", 1)
            await visit.shows(SAYS, "Not connected: ")
            await counted(visit, "waiting", 2)
            before_s = received.seconds
            async with behind(line) as live, following(live.address) as follower:
                await visit.shows(SAYS, "is sent as the stream")
                await visit.shows(COUNTS, "nothing waits, nothing lost")
                await stop(visit)
                events = await events_until_end(follower)
        assert before_s >= 0.5
        assert not any(isinstance(event, Gap) for event in events)
        assert events[-1].end_sample / SAMPLE_RATE > 2

    browser.run(check())


SECOND = """async (held_s) => {
  const { Microphone } = await import("/microphone.js");
  const root = document.getElementById("microphone");
  root.replaceChildren();
  const microphone = new Microphone(root, { token() {}, askForToken() {}, select() {}, held_s });
  const draw = (now) => { microphone.draw(now); requestAnimationFrame(draw); };
  draw(performance.now());
}"""
"""The same with less patience."""


async def lost_s(visit: Visit) -> float:
    found = re.search(r"([\d.]+) s lost", await visit.text(COUNTS))
    return float(found[1]) if found else 0.0


def gaps_s(events: list[Any]) -> float:
    return sum(e.end_sample - e.start_sample for e in events if isinstance(e, Gap)) / SAMPLE_RATE


def test_what_cannot_be_sent_in_time_is_dropped_and_shown_on_both_sides(browser: Browser) -> None:
    async def check() -> None:
        line = Line()
        async with line.laid(), behind(line) as live, browser.open() as visit:
            await visit.page.goto(f"http://127.0.0.1:{line.port}/")
            await visit.page.evaluate(SECOND, 2.0)
            async with following(live.address) as follower:
                await begin(visit)
                await counted(visit, "sent", 1)
                line.lead_nowhere()
                line.cut()
                # Half a second that the server has may count as lost until it says so.
                await counted(visit, "lost", 2)
                await counted(visit, "waiting", 1)
                line.lead_to(live.address)
                await visit.shows(COUNTS, "nothing waits")
                await stop(visit)
                events = await events_until_end(follower)
            assert gaps_s(events) >= 1
            assert await lost_s(visit) == pytest.approx(gaps_s(events), abs=0.06)

    browser.run(check())


def test_a_computer_that_slept_goes_on_and_counts_what_it_did_not_hear(browser: Browser) -> None:
    async def check() -> None:
        async with (
            service() as live,
            browser.open(live.address.page_url) as visit,
            following(live.address) as follower,
        ):
            await begin(visit)
            await counted(visit, "sent", 1)
            with asleep():
                await asyncio.sleep(2)  # the very thing that is to be counted
            await counted(visit, "lost", 1)
            await stop(visit)
            events = await events_until_end(follower)
            assert gaps_s(events) == pytest.approx(await lost_s(visit), abs=0.06)
            assert gaps_s(events) > 1

    browser.run(check())


@contextmanager
def asleep() -> Iterator[None]:
    """Stop everything that the browser consists of."""
    below = psutil.Process().children(recursive=True)
    stopped = [process for process in below if "chrom" in process.name()]
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    yield
    for process in stopped:
        process.send_signal(signal.SIGCONT)
