"""The affect plane in a real browser: where its dot is, what it tells, and when it is drawn."""

from typing import Any

import pytest

from tests.stream.page.bench import bench
from tests.stream.page.browser import Browser
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow

PLANE = "#plane canvas"


def place(box: dict[str, float], event: Any) -> tuple[float, float]:
    """Where an estimate belongs: valence to the right, activation up."""
    x = box["left"] + (event.valence + 1) / 2 * box["side"]
    return x, box["top"] + (1 - event.activation) / 2 * box["side"]


def test_the_dot_glides_to_the_estimate_and_stays_there(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser) as charts:
            await charts.take(session.started(), session.speech_started(), session.affect())
            await charts.wait()
            before = (await charts.geometry("plane"))["dot"]
            message = session.affect()
            await charts.take(message)
            assert (await charts.geometry("plane"))["dot"]["x"] == before["x"]
            await charts.ask("wait(50)")
            between = await charts.geometry("plane")
            target = place(between["box"], message.event)
            assert between["moving"]
            assert min(before["x"], target[0]) < between["dot"]["x"] < max(before["x"], target[0])
            await charts.wait()
            after = await charts.geometry("plane")
            assert not after["moving"]
            assert (after["dot"]["x"], after["dot"]["y"]) == pytest.approx(target)
            assert await charts.pixel(PLANE, *target) == await charts.colour("accent")

    browser.run(check())


def test_without_motion_the_dot_is_there_at_once_also_on_a_small_plane(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser, reduced_motion="reduce", device_scale_factor=2) as charts:
            await charts.take(session.started(), session.speech_started(), *session.updates(9))
            message = session.affect()
            await charts.take(message)
            geometry = await charts.geometry("plane")
            target = place(geometry["box"], message.event)
            assert (geometry["dot"]["x"], geometry["dot"]["y"]) == pytest.approx(target)
            accent = await charts.colour("accent")
            assert await charts.pixel(PLANE, *target) == accent
            small = place({"left": 2, "top": 2, "side": 92}, message.event)
            assert await charts.pixel("#small", *small) == accent
            assert await charts.ask("texts.small") == []
            assert await charts.ask("document.querySelector('#small').width") == 192

    browser.run(check())


def test_the_less_sure_the_wider_and_fainter_the_halo(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        halos = []
        async with bench(browser, reduced_motion="reduce") as charts:
            await charts.take(session.started(), session.speech_started())
            for confidence in (0.9, 0.5, 0.1):
                await charts.take(session.affect(), confidence=confidence, activation=0.4, valence=-0.3)
                dot = (await charts.geometry("plane"))["dot"]
                inside = await charts.pixel(PLANE, dot["x"], dot["y"] + dot["halo"]["radius"] - 2)
                halos.append((dot["halo"]["radius"], inside[3]))
        radii, opacities = zip(*halos, strict=True)
        assert sorted(radii) == list(radii)
        assert sorted(opacities, reverse=True) == list(opacities)
        assert opacities[-1] > 0

    browser.run(check())


def test_the_dot_is_hollow_while_nobody_speaks_and_the_trail_fades(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser) as charts:
            await charts.take(session.started(), session.speech_started())
            messages = session.updates(20)
            await charts.take(*messages)
            await charts.take(session.speech_ended(), session.status(speaking=False))
            await charts.wait()
            geometry = await charts.geometry("plane")
            dot, trail = geometry["dot"], place(geometry["box"], messages[12].event)
            assert await charts.pixel(PLANE, dot["x"], dot["y"]) == await charts.colour("paper")
            assert (await charts.pixel(PLANE, *trail))[3] > 0
            await charts.wait(21_000)
            assert (await charts.pixel(PLANE, *trail))[3] == 0

    browser.run(check())


def test_nothing_is_drawn_while_nothing_changes(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser) as charts:
            await charts.wait()
            assert await charts.ask("drawn.plane") <= 2
            await charts.take(session.started(), session.speech_started(), *session.updates(20))
            await charts.wait(25_000)
            before = await charts.ask("({ ...drawn })")
            await charts.wait(2_000)
            after = await charts.ask("drawn")
            assert (after["plane"], after["small"]) == (before["plane"], before["small"])

    browser.run(check())


def test_pointing_at_the_trail_tells_its_numbers_and_time(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser, timezone_id="UTC") as charts:
            await charts.take(session.started(), session.speech_started())
            messages = session.updates(30)
            await charts.take(*messages)
            await charts.wait()
            event: Any = messages[10].event
            x, y = place((await charts.geometry("plane"))["box"], event)
            await charts.page.hover(PLANE, position={"x": x, "y": y})
            await charts.ask("draw()")
            told = await charts.visit.text("#plane .chart-reading")
            assert told.startswith(
                f"{event.end_time:%H:%M:%S}: activation {event.activation:+.2f}".replace("-", "−")
            )
            assert f"valence {event.valence:+.2f}".replace("-", "−") in told
            assert f"confidence {round(100 * event.confidence)} %" in told
            await charts.page.mouse.move(0, 0)
            await charts.ask("draw()")
            newest = messages[-1].event
            assert (await charts.visit.text("#plane .chart-reading")).startswith(
                f"{newest.end_time:%H:%M:%S}"
            )

    browser.run(check())


def test_the_arrow_keys_walk_along_the_trail_and_are_heard(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser, timezone_id="UTC") as charts:
            await charts.take(session.started(), session.speech_started())
            messages = session.updates(9)
            await charts.take(*messages)
            await charts.wait()
            heard = []
            for keys in (
                ["ArrowLeft"],
                ["ArrowLeft"],
                ["Home"],
                ["ArrowLeft"],
                ["End"],
                ["ArrowLeft", "Escape"],
            ):
                await charts.press(PLANE, *keys)
                heard.append(await charts.page.get_attribute(PLANE, "aria-valuetext"))
                marked = (await charts.geometry("plane"))["marked"]
                assert (marked is None) == ("Escape" in keys)
            expected: list[Any] = [messages[index].event for index in (7, 6, 0, 0, 8, 8)]
            for text, event in zip(heard, expected, strict=True):
                assert f"activation {event.activation:+.2f}".replace("-", "−") in text
            assert await charts.page.get_attribute(PLANE, "aria-valuemax") == "8"
            assert await charts.page.get_attribute(PLANE, "role") == "slider"

    browser.run(check())


def test_words_name_the_places_of_the_large_plane(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser) as charts:
            await charts.take(session.started(), session.affect())
            texts = await charts.ask("texts.plane")
            assert {"neutral baseline", "excited", "calm", "negative", "positive"} <= set(texts)
            assert len(texts) == 9
            assert "for the eye only" in await charts.visit.text("#plane .chart-note")

    browser.run(check())


def test_the_plane_takes_the_colours_of_the_theme(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser, reduced_motion="reduce") as charts:
            await charts.take(session.started(), session.speech_started(), session.affect())
            accents = set()
            for scheme in ("light", "dark"):
                await charts.page.emulate_media(color_scheme=scheme)
                await charts.visit.is_drawn()
                dot = (await charts.geometry("plane"))["dot"]
                accents.add(await charts.pixel(PLANE, dot["x"], dot["y"]))
                assert await charts.colour("accent") in accents
            assert len(accents) == 2

    browser.run(check())


DRAWN = """() => {
  draw();
  const canvas = document.querySelector("#plane canvas");
  return [parseFloat(canvas.getContext("2d").font), canvas.width / canvas.clientWidth];
}"""


def test_the_plane_is_drawn_as_large_and_sharp_as_the_screen_is(browser: Browser) -> None:
    async def check() -> None:
        session = SyntheticSession()
        async with bench(browser, reduced_motion="reduce") as charts:
            await charts.take(session.started(), session.speech_started(), session.affect())
            letters_px, ratio = await charts.ask(DRAWN)
            await charts.page.set_viewport_size({"width": 3840, "height": 2160})
            await charts.visit.until(f"(letters_px) => ({DRAWN})()[0] > 1.5 * letters_px", letters_px)
            await charts.page.set_viewport_size({"width": 800, "height": 600})
            await charts.visit.until(f"(letters_px) => ({DRAWN})()[0] === letters_px", letters_px)
            size = "JSON.stringify(document.querySelector('canvas').getBoundingClientRect())"
            before = await charts.ask(size)
            screen = await charts.page.context.new_cdp_session(charts.page)
            finer = {"width": 800, "height": 600, "deviceScaleFactor": 2, "mobile": False}
            await screen.send("Emulation.setDeviceMetricsOverride", finer)
            await charts.visit.until(f"(ratio) => ({DRAWN})()[1] === 2 * ratio", ratio)
            assert await charts.ask(size) == before

    browser.run(check())
