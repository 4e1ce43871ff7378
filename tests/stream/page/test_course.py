"""The course in a real browser: what is drawn when, and what keys, wheel, hands and buttons do."""

import math
from typing import Any

import pytest

from tests.stream.page.bench import Bench, bench
from tests.stream.page.browser import Browser
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow

COURSE = "#course canvas"
SPAN_MS = 60_000
HOP_MS = 250


async def talk(charts: Bench, regions: int = 3, updates: int = 20, *, end: bool = False) -> SyntheticSession:
    """Let a stream talk; one that has ended stands still."""
    session = SyntheticSession()
    closing = [session.ended()] if end else []
    await charts.take(session.started(), *session.conversation(regions, updates), *closing)
    return session


async def range_of(charts: Bench) -> tuple[float, float]:
    range_ms = (await charts.geometry("course"))["range"]
    return range_ms["from"], range_ms["to"]


async def x_of(charts: Bench, time: float) -> float:
    geometry = await charts.geometry("course")
    left, right = geometry["layout"]["left"], geometry["layout"]["right"]
    begin, end = geometry["range"]["from"], geometry["range"]["to"]
    return float(left + (right - left) * (time - begin) / (end - begin))


async def hover(charts: Bench, x: float) -> None:
    await charts.page.hover(COURSE, position={"x": x, "y": 60})
    await charts.ask("draw()")


def test_keys_zoom_hold_scroll_and_return_to_live(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            await talk(charts)
            begin, end = await range_of(charts)
            assert end - begin == SPAN_MS
            await charts.press(COURSE, "+")
            begin, end = await range_of(charts)
            assert end - begin == pytest.approx(SPAN_MS / 1.5)
            await charts.press(COURSE, "+", "+", "+", "+", "+", "+")
            begin, end = await range_of(charts)
            assert end - begin == 5_000
            assert (await charts.geometry("course"))["live"]

            await charts.press(COURSE, "Space")
            held = await range_of(charts)
            await charts.wait(3_000)
            assert await range_of(charts) == held
            await charts.visit.shows("#course .course-where", ", 3 s behind")
            await charts.press(COURSE, "PageUp")
            assert await range_of(charts) == (held[0] - 2_500, held[1] - 2_500)
            await charts.press(COURSE, "Home")
            oldest = await charts.ask("state.regions.at(0).start")
            assert (await range_of(charts))[0] == oldest
            await charts.press(COURSE, "PageDown")
            assert (await range_of(charts))[0] == oldest + 2_500

            await charts.press(COURSE, "End")
            assert (await charts.geometry("course"))["live"]
            assert (await range_of(charts))[1] == held[1] + 3_000
            await charts.visit.shows("#course .course-where", "live")

    browser.run(check())


def test_what_is_held_stays_while_the_stream_goes_on(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            session = await talk(charts)
            await charts.page.click("#course button:text('Pause')")
            await charts.ask("draw()")
            before = await charts.ask("({ drawn: drawn.course, range: course.geometry.range })")
            await charts.take(*session.conversation(regions=30, updates=50))
            assert await charts.ask("state.points.at(0).time") > before["range"]["to"]
            assert await charts.ask("({ drawn: drawn.course, range: course.geometry.range })") == before
            assert await charts.visit.text("#course button") == "Resume"
            assert "activation" in await charts.visit.text("#course .chart-reading")
            await charts.page.click("#course button:text('Jump to live')")
            geometry = await charts.geometry("course")
            assert geometry["live"]
            assert geometry["range"]["to"] - geometry["range"]["from"] == 300_000
            assert await charts.page.is_disabled("#course button:text('Jump to live')")

    browser.run(check())


def test_the_wheel_leaves_the_page_alone_until_it_is_meant(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            await talk(charts, regions=17)
            await charts.press(COURSE, "Space")
            await charts.page.evaluate("document.activeElement.blur()")
            whole = await range_of(charts)
            time = whole[0] + 90_000
            await hover(charts, await x_of(charts, time))
            await charts.page.mouse.wheel(0, -50)
            assert await range_of(charts) == whole
            await charts.page.keyboard.down("Control")
            await charts.page.mouse.wheel(0, -300)
            await charts.page.keyboard.up("Control")
            begin, end = await range_of(charts)
            assert end - begin == pytest.approx(2 * SPAN_MS * math.exp(-0.6))
            assert (time - begin) / (end - begin) == pytest.approx(0.75, abs=0.01)
            await charts.page.mouse.wheel(-8, 90)
            assert await range_of(charts) == (begin, end)
            await charts.page.focus(COURSE)
            await charts.page.mouse.wheel(0, -100)
            assert (await range_of(charts))[1] - (await range_of(charts))[0] < end - begin
            begin, end = await range_of(charts)
            await charts.page.mouse.wheel(-40, 0)
            assert (await range_of(charts))[0] < begin
            begin, end = await range_of(charts)
            await charts.page.keyboard.down("Shift")
            await charts.page.mouse.wheel(0, -40)
            await charts.page.keyboard.up("Shift")
            moved = await range_of(charts)
            assert moved[0] < begin
            assert moved[1] - moved[0] == pytest.approx(end - begin)

    browser.run(check())


def test_a_hand_drags_the_time_and_two_fingers_pinch_it(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser, has_touch=True) as charts:
            await talk(charts, regions=8)
            await charts.press(COURSE, "+", "+", "+")
            begin, end = await range_of(charts)
            layout = (await charts.geometry("course"))["layout"]
            at = await charts.page.locator(COURSE).bounding_box()
            x, y = at["x"] + layout["left"] + 100, at["y"] + 100
            await charts.page.mouse.move(x, y)
            await charts.page.mouse.down()
            await charts.page.mouse.move(x + 50, y)
            await charts.page.mouse.move(x + 100, y)
            await charts.page.mouse.up()
            moved = await range_of(charts)
            assert begin - moved[0] == pytest.approx(
                100 / (layout["right"] - layout["left"]) * (end - begin), rel=0.02
            )
            assert moved[1] - moved[0] == pytest.approx(end - begin)
            await pinch(charts, x, y, [(-40, 40), (-60, 60), (-80, 80)])
            begin, end = await range_of(charts)
            assert end - begin == pytest.approx((moved[1] - moved[0]) / 2, rel=0.05)

    browser.run(check())


async def pinch(charts: Bench, x: float, y: float, reaches: list[tuple[int, int]]) -> None:
    fingers = await charts.page.context.new_cdp_session(charts.page)
    for index, reach in enumerate(reaches):
        points = [{"x": x + dx, "y": y, "id": finger} for finger, dx in enumerate(reach)]
        kind = "touchMove" if index else "touchStart"
        await fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    await fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_pointing_tells_all_values_of_that_time(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser, timezone_id="UTC") as charts:
            await talk(charts, end=True)
            point = await charts.ask("state.points.at(27)")
            await hover(charts, await x_of(charts, point["time"]) + 1)
            told = await charts.visit.text("#course .chart-reading")
            activation, valence = (
                f"{point[name]:+.2f}".replace("-", "−") for name in ("activation", "valence")
            )
            assert f": activation {activation}, valence {valence}, " in told
            for name, share in point["emotion"].items():
                assert f"{name} {round(100 * share)} %" in told
            assert told.count(point["likeliest"]) == 1
            assert "level −" in told
            texts = await charts.ask("texts.course")
            assert {f"activation {activation}", f"valence {valence}"} <= set(texts)
            geometry = await charts.geometry("course")
            assert geometry["cursor"] == point["time"]
            top, bottom = geometry["layout"]["lines"]["top"], geometry["layout"]["lines"]["bottom"]
            assert geometry["at"]["activation"] == pytest.approx(
                bottom - (bottom - top) * (point["activation"] + 1) / 2
            )
            await charts.page.mouse.move(0, 0)
            assert (await charts.geometry("course"))["cursor"] is None

    browser.run(check())


def test_arrow_keys_go_from_estimate_to_estimate_also_of_one_time(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            await talk(charts, regions=2, updates=4, end=True)
            await charts.ask("state.points.at(-1).time = state.points.at(-2).time")
            seqs = []
            for _ in range(4):
                await charts.press(COURSE, "ArrowLeft")
                seqs.append((await charts.geometry("course"))["told"]["seq"])
            await charts.press(COURSE, "ArrowRight")
            seqs.append((await charts.geometry("course"))["told"]["seq"])
            expected = await charts.ask("[-1, -2, -3, -4, -3].map((index) => state.points.at(index).seq)")
            assert seqs == expected
            heard = await charts.page.get_attribute(COURSE, "aria-valuetext")
            assert heard == await charts.visit.text("#course .chart-reading")
            assert await charts.page.get_attribute(COURSE, "aria-valuenow") == "7"
            await charts.press(COURSE, "Escape")
            assert (await charts.geometry("course"))["cursor"] is None

    browser.run(check())


def test_stepping_scrolls_what_is_out_of_view_into_it(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            await talk(charts, updates=40, end=True)
            await charts.press(COURSE, *"++++++", *(["ArrowLeft"] * 60))
            geometry = await charts.geometry("course")
            assert geometry["told"]["time"] == geometry["range"]["from"]
            assert not geometry["live"]

    browser.run(check())


def test_lines_and_bands_break_at_gaps_which_are_hatched_and_named(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            session = SyntheticSession()
            events: list[Any] = [session.started(), session.speech_started(), *session.updates(40)]
            events += [session.gap() for _ in range(12)]
            await charts.take(*events, session.speech_started(), *session.updates(40), session.ended())
            await charts.press(COURSE, "+", "+")
            assert "audio missing" in await charts.ask("texts.course")
            assert await charts.ask("texts.course.filter((text) => text === 'audio missing').length") == 1
            layout = (await charts.geometry("course"))["layout"]
            start, end = await charts.ask("[state.gaps.at(0).start, state.gaps.at(-1).end]")
            left, right = await x_of(charts, start), await x_of(charts, end)
            columns = [int(left) + offset for offset in range(3, int(right - left) - 3, 4)]
            assert len(columns) > 5
            rows = [layout["lines"]["top"] + offset for offset in range(3, 70)]
            seen = {await charts.pixel(COURSE, x, y) for x in columns[::5] for y in rows}
            assert any(red - blue > 60 for red, _, blue, _ in seen)
            assert await charts.colour("accent") not in seen
            assert await charts.colour("ink") not in seen

    browser.run(check())


def test_silence_and_missing_audio_are_told_apart_in_words(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            session = SyntheticSession()
            await charts.take(session.started(), *[session.status(speaking=False) for _ in range(40)])
            await charts.take(*[session.gap() for _ in range(40)])
            for time, words in (
                ("state.levels.at(20).time", "no speech"),
                ("state.gaps.at(20).start", "audio is missing"),
            ):
                await hover(charts, await x_of(charts, await charts.ask(time)))
                assert words in await charts.visit.text("#course .chart-reading")

    browser.run(check())


def test_it_is_drawn_for_new_pixels_only(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            await talk(charts)
            geometry = await charts.geometry("course")
            pixel_ms = SPAN_MS / (geometry["layout"]["right"] - geometry["layout"]["left"])
            before = await charts.ask("drawn.course")
            await charts.ask("wait(2_000, 4)")
            assert await charts.ask("drawn.course") - before <= 2_000 / pixel_ms + 1
            await charts.press(COURSE, "Space")
            before = await charts.ask("drawn.course")
            await charts.wait(5_000)
            assert await charts.ask("drawn.course") == before

    browser.run(check())


def test_another_stream_begins_live_and_no_stream_is_empty(browser: Browser) -> None:
    async def check() -> None:
        async with bench(browser) as charts:
            await talk(charts)
            await charts.press(COURSE, "+", "Space")
            await charts.ask("(course.show(null), plane.show(null), draw())")
            assert await charts.visit.text("#course .chart-reading") == "Nothing has come yet."
            await charts.press(COURSE, "+", "ArrowLeft", "Space", "End", "Home")
            await charts.ask("(course.show(state), draw())")
            geometry = await charts.geometry("course")
            assert geometry["live"]
            assert geometry["range"]["to"] - geometry["range"]["from"] == SPAN_MS

    browser.run(check())
