"""The charts together: what can be taken along, hostile names, screens of all sizes, what drawing costs."""

import asyncio
import csv
import io
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.stream.page.bench import Bench, bench
from tests.stream.page.browser import Browser, scrolls_only_downwards
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow

COURSE = "#course canvas"
HOSTILE = "<img src=/x onerror=\"document.title='owned'\">\u202e\u0000\r\n=1+1"


async def saved(charts: Bench, button: str) -> tuple[str, bytes]:
    async with charts.page.expect_download() as download:
        await charts.page.click(f"#course button:text-is('{button}')")
    file = await download.value
    path = Path(await file.path())
    return file.suggested_filename, await asyncio.to_thread(path.read_bytes)


def rows_of(table: bytes) -> list[dict[str, str]]:
    assert table.endswith(b"\r\n")
    return list(csv.DictReader(io.StringIO(table.decode(), newline=""), strict=True))


def test_the_table_holds_the_events(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        messages = [session.started(), *session.conversation(regions=3, updates=20), session.ended()]
        told: list[Any] = [message.event for message in messages if hasattr(message.event, "valence")]
        async with bench(browser) as charts:
            await charts.take(*messages)
            name, table = await saved(charts, "CSV of all")
            assert name == "cmlstream_kitchen_2030-01-01T120000Z.csv"
            rows = [row for row in rows_of(table) if row["type"] in {"affect", "speech.ended"}]
            assert len(rows) == len(told) == 63
            for row, event in zip(rows, told, strict=True):
                assert (row["stream"], row["session"], int(row["seq"])) == ("kitchen", "s1", event.seq)
                assert (row["type"], row["model"]) == (event.__struct_config__.tag, "test 1")
                assert datetime.fromisoformat(row["start_time"]) == event.start_time
                assert datetime.fromisoformat(row["end_time"]) == event.end_time
                for field in ("activation", "valence", "confidence", "novelty", "speech_s", "baseline_s"):
                    assert float(row[field]) == getattr(event, field)
                for emotion, share in event.emotion.items():
                    assert float(row[emotion]) == share
                assert row["likeliest"] == max(event.emotion, key=event.emotion.get)

    browser.run(check())


def test_the_table_tells_level_speech_and_gaps_too(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        messages = [session.started()]
        begun, level, ended = session.speech_started(), session.status(), session.speech_ended(short=True)
        gap, again = session.gap(), session.speech_started()
        async with bench(browser) as charts:
            await charts.take(*messages, begun, level, ended, gap, again, session.affect())
            rows = rows_of((await saved(charts, "CSV of all"))[1])
        assert [row["type"] for row in rows] == ["status", "region", "gap", "affect", "region"]
        status, region, missing, _, unfinished = rows
        assert (float(status["level_dbfs"]), status["speaking"]) == (level.event.level_dbfs, "true")
        assert (status["clipping"], float(status["delay_ms"])) == ("false", 12.5)
        assert (missing["kind"], int(missing["seq"])) == ("audio", gap.event.seq)
        for row, start, end in ((region, begun, ended), (missing, gap, gap), (status, level, level)):
            assert datetime.fromisoformat(row["start_time"]) == start.event.start_time
            assert datetime.fromisoformat(row["end_time"]) == end.event.end_time
            assert (row["session"], row["model"]) == ("s1", "test 1")
        assert datetime.fromisoformat(unfinished["start_time"]) == again.event.start_time
        assert unfinished["end_time"] == unfinished["activation"] == ""

    browser.run(check())


def test_the_table_of_a_view_holds_what_is_in_view(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser) as charts:
            await charts.take(
                session.started(), *session.conversation(regions=3, updates=20), session.ended()
            )
            await charts.press(COURSE, "+", "+", "+", "+", "+", "PageUp")
            shown = (await charts.geometry("course"))["range"]
            times = [
                datetime.fromisoformat(row["end_time"]).timestamp() * 1000
                for row in rows_of((await saved(charts, "CSV of view"))[1])
                if row["type"] in {"affect", "speech.ended"}
            ]
            expected = await charts.ask("[...state.points].map(({ time }) => time)")
            assert times == [time for time in expected if shown["from"] <= time <= shown["to"]]
            assert 0 < len(times) < len(expected)

    browser.run(check())


def test_the_picture_is_a_png_of_the_view_with_title_and_notice(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser, timezone_id="UTC", locale="en-GB") as charts:
            await charts.take(
                session.started(), *session.conversation(regions=3, updates=20), session.ended()
            )
            await charts.ask(
                """(() => {
                  window.written = [];
                  const { fillText } = CanvasRenderingContext2D.prototype;
                  CanvasRenderingContext2D.prototype.fillText = function (...told) {
                    written.push(told[0]);
                    fillText.apply(this, told);
                  };
                })()"""
            )
            name, picture = await saved(charts, "PNG of view")
            assert name == "cmlstream_kitchen_2030-01-01T115921Z.png"
            assert picture[:8] == b"\x89PNG\r\n\x1a\n"
            layout = (await charts.geometry("course"))["layout"]
            assert struct.unpack(">II", picture[16:24]) == (
                round(2 * (layout["width"] + 32)),
                round(2 * (layout["height"] + 6 * 16)),
            )
            assert len(picture) > 10_000
            written = await charts.ask("written")
            assert "kitchen" in written
            assert "1 January 2030, 11:59:21 to 12:00:21 (GMT+00:00)" in written
            assert "Estimates of expressed affect, not of feelings. Model: test 1" in written
            assert {"anger", "happiness"} <= {text.split(" ")[0] for text in written}

            await charts.press(COURSE, "Space")
            await charts.take(SyntheticSession(session="s2", model="test 2").started())
            await charts.ask("written.length = 0")
            await saved(charts, "PNG of view")
            assert any(text.endswith("Model: test 1") for text in await charts.ask("written"))

    browser.run(check())


def test_hostile_names_stay_text_and_short(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession(model=HOSTILE * 1_000, source=HOSTILE)
        emotion = {HOSTILE * 1_000: 0.5, "__proto__": 0.25, "constructor": 0.25}
        async with bench(browser) as charts:
            await charts.take(
                session.started(),
                session.speech_started(),
                *session.updates(9),
                stream="=1+1",
                emotion=emotion,
            )
            await charts.wait()
            await hover_middle(charts)
            name, table = await saved(charts, "CSV of all")
            assert name.startswith("cmlstream__1_1_")
            (row, *_) = rows_of(table)
            assert row["stream"] == "'=1+1"
            assert not any((key or "").startswith(("=", "+", "-", "@")) for key in row)
            assert (await saved(charts, "PNG of view"))[1][:4] == b"\x89PNG"
            texts = [*await charts.ask("[...texts.course, ...texts.plane]"), await charts.visit.text("body")]
            assert all(len(text) < 3_000 and "\u202e" not in text for text in texts)
            assert await charts.page.locator("img").count() == 0
            assert await charts.page.title() == "bench"

    browser.run(check())


async def hover_middle(charts: Bench) -> None:
    await charts.page.hover(COURSE)
    await charts.ask("draw()")


def test_the_charts_fit_every_screen(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser) as charts:
            await charts.take(session.started(), *session.conversation(regions=9, updates=40))
            for width, height in ((320, 640), (1280, 800), (3840, 2160)):
                await charts.page.set_viewport_size({"width": width, "height": height})
                await charts.visit.is_drawn()
                await charts.ask("draw()")
                await scrolls_only_downwards(charts.visit)
                layout = (await charts.geometry("course"))["layout"]
                assert 0 < layout["left"] < layout["right"] < layout["width"] < width
                assert layout["level"]["bottom"] < layout["ticks"] < layout["height"]
                box = (await charts.geometry("plane"))["box"]
                assert 200 < box["side"] < min(width, height)
                assert (await charts.pixel(COURSE, layout["left"] + 1, round(layout["lines"]["top"])))[3] > 0

    browser.run(check())


def test_what_a_line_costs_is_bounded_by_its_pixels(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser, viewport={"width": 320, "height": 640}) as charts:
            await charts.take(session.started(), *session.conversation(regions=1, updates=1_300))
            await charts.ask(
                """(() => {
                  const context = document.querySelector("#course canvas").getContext("2d");
                  const { lineTo } = context;
                  window.vertices = 0;
                  context.lineTo = (x, y) => { vertices += 1; lineTo.call(context, x, y); };
                })()"""
            )
            await hover_middle(charts)
            layout = (await charts.geometry("course"))["layout"]
            columns = layout["right"] - layout["left"]
            # Two lines of at most four vertices in a column, four bands with two edges, and the grid.
            assert 0 < await charts.ask("vertices") < (2 * 4 + 4 * 2) * columns + 400

    browser.run(check())
