"""The map of similar moments and the named features, in a real browser."""

import re

import numpy as np
import pytest
import soundfile

from cmlstream.models.contract import EMOTIONS
from cmlstream.models.egemaps.names import FEATURE_NAMES
from cmlstream.stream.client import follow, open_sender
from cmlstream.stream.events import Affect, SpeechEnded
from cmlstream.stream.server.serve import Address
from cmlstream.stream.sinks.hub import Hub
from cmlstream.stream.sources.open import SAMPLE_PATH
from tests.stream.page.browser import Browser, Visit
from tests.stream.page.estimates import SIZE, changed, clustered, estimated, features_of
from tests.stream.page.parts import empty_page, told_on_a_page, with_components
from tests.stream.service import service
from tests.stream.serving import publish, serving
from tests.stream.synthetic import SyntheticSession

pytestmark = pytest.mark.slow

DRAWN = """
const at = () => new Map(map.marks.map(({ point, x, y }) => [point.seq, [x, y]]));
const { width, height } = roots[0].querySelector("canvas").getBoundingClientRect();
let [now, jump, drawn] = [1_000, 0, 0];
for (const [index, embedding] of argument.entries()) {
  take(index, { emotion: { anger: 0.6, "<b>": 0.4 }, embedding });
  for (let frame = 0; frame < 15; frame += 1) {
    now += 250 / 15;
    const before = at();
    const { marks } = map;
    map.draw(now);
    drawn += map.marks !== marks;
    for (const [seq, [x, y]] of at()) {
      const [oldX, oldY] = before.get(seq) ?? [x, y];
      jump = Math.max(jump, Math.hypot(x - oldX, y - oldY) / width);
    }
  }
}
map.draw(now + 10_000);
const { marks } = map;
map.draw(now + 15_000);
const [count, last, still] = [marks.length, marks.at(-1).point.seq, marks === map.marks];
const shares = marks.flatMap(({ x, y }) => [x / width, y / height]);
return { jump, least: Math.min(...shares), most: Math.max(...shares), drawn, count, still, last };
"""


def test_the_map_is_bounded_moves_smoothly_and_only_when_it_must(browser: Browser) -> None:
    async def check() -> None:
        rng = np.random.default_rng(6)
        vectors, _ = clustered(rng, 700)
        # Moments of another kind come in time, which the map must make room for.
        vectors[200:] += 9 * rng.normal(size=(1, SIZE)) * rng.integers(2, size=(500, 1))
        told = await told_on_a_page(browser, DRAWN, vectors.tolist())
        assert_calm(told, len(vectors))

    browser.run(check())


def assert_calm(told: dict[str, float], moments: int) -> None:
    # 300 of the rolling estimates, and all 35 of whole regions.
    assert told["count"] == 335
    assert told["last"] == 700
    assert 0 < told["least"] < told["most"] < 1
    # A frame of a move over 300 ms covers a tenth of its way at most.
    assert told["jump"] < 0.1
    assert told["still"]
    assert told["drawn"] < 1.5 * moments


def test_the_map_tells_its_moments_to_hand_and_ear(browser: Browser) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        vectors, clusters = clustered(np.random.default_rng(7), 60)
        await publish(hub, [session.started(), session.speech_started()])
        for vector, cluster in zip(vectors, clusters, strict=True):
            await hub.publish(estimated(session, vector, EMOTIONS[cluster]))
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await visit.shows("#map", "of 16 dimensions the 2 in which they differ most are drawn")
            await visit.shows("#map", "distances are approximate")
            for number, name in enumerate(EMOTIONS):
                counted = int(np.sum(clusters == number))
                await visit.shows("#map .map-legend", f"{name} {counted}")
            canvas = visit.page.get_by_role("slider", name="Similar moments")
            await canvas.focus()
            await canvas.press("Home")
            await visit.until("() => document.querySelector('.map-canvas').ariaValueNow === '0'")
            first = await canvas.get_attribute("aria-valuetext")
            assert "Newest" not in first
            assert f"{EMOTIONS[clusters[0]]} 70 %" in first
            alike = re.findall(r"\((\w+)\)", first.partition("Most like it: ")[2])
            assert alike[0] == EMOTIONS[clusters[0]]
            await canvas.press("ArrowRight")
            await visit.until("() => document.querySelector('.map-canvas').ariaValueNow === '1'")
            await canvas.press("Escape")
            await visit.shows(".map-reading", "Newest: ")
            await visit.page.get_by_label("time", exact=True).check()
            await visit.shows(".map-legend", "older to newer")
            await visit.page.get_by_label("emotion", exact=True).check()
            assert visit.complaints == []

    browser.run(check())


POINTED = """
for (const [index, embedding] of argument.entries()) {
  take(index, { emotion: { [index === 3 ? "anger" : "neutral"]: 0.6 }, embedding });
}
map.draw(1_000);
window.map = map;
const { x, y } = map.marks[3];
return { x, y };
"""


def test_a_mark_that_is_pointed_at_is_told(browser: Browser) -> None:
    async def check() -> None:
        vectors, _ = clustered(np.random.default_rng(8), 30)
        async with empty_page(browser) as page:
            place = await page.evaluate(with_components(POINTED), vectors.tolist())
            await page.locator(".map-canvas").hover(position=place)
            await page.evaluate("map.draw(9_000)")
            assert "anger" in (await page.text_content(".map-reading")).partition("Most like")[0]
            await page.evaluate("""() => {
              const left = new PointerEvent("pointerleave", { pointerType: "touch" });
              document.querySelector(".map-canvas").dispatchEvent(left);
              map.draw(15_000);
            }""")
            assert "anger" in (await page.text_content(".map-reading")).partition("Most like")[0]
            await page.locator("#voice").hover()
            await page.evaluate("map.draw(20_000)")
            assert (await page.text_content(".map-reading")).startswith("Newest: ")

    browser.run(check())


async def row(visit: Visit, label: str) -> str:
    found = visit.page.locator(".voice-groups li", has=visit.page.get_by_text(label, exact=True))
    return re.sub(r"\s+", " ", " ".join(await found.locator("span").all_inner_texts())).strip()


async def shows_row(visit: Visit, label: str, *texts: str) -> None:
    found = visit.page.locator(".voice-groups li", has=visit.page.get_by_text(label, exact=True))
    for text in texts:
        await visit.until(
            "([row, text]) => row.textContent.includes(text)", [await found.element_handle(), text]
        )


def test_features_stand_in_units_beside_what_is_usual(browser: Browser) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        spoken = features_of(
            F0semi=(36, 1.5), loudnessPeaks=(5.04, -0.7), jitter=(0.021, 4), alphaRatioV=(-9.5, 0.1)
        )
        other = features_of(F0semi=(24, -1.5))
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await publish(hub, [session.started(), session.speech_started()])
            await visit.shows("#voice", "No features yet")
            await hub.publish(changed(session.affect(), spoken, baseline_s=0))
            await shows_row(visit, "Pitch", "220 Hz", "+1.5", "higher")
            await shows_row(visit, "Loudness peaks", "5.0 per second", "−0.7", "slightly slower")
            await shows_row(visit, "Jitter", "2.1 %", "+4.0", "much rougher")
            await shows_row(visit, "Brightness", "−9.5 dB", "as usual")
            await visit.shows(".voice-headline", "jitter much rougher, pitch higher.")
            await visit.shows(".voice-baseline", "Nothing of this speaker has been counted yet")
            assert await visit.page.locator(".voice-groups .farthest").count() == 2
            left = await visit.page.locator(".voice-bar.beyond-more i").evaluate("(bar) => bar.style.left")
            assert left == "50%"
            await hub.publish(changed(session.affect(), other, baseline_s=0))
            await shows_row(visit, "Pitch", "110 Hz", "−1.5", "lower, usually 156")
            await hub.publish(changed(session.affect(), features_of(F0semi=(0, -7)), baseline_s=64))
            await shows_row(visit, "Pitch", "no voiced sound")
            await visit.shows(
                ".voice-baseline", "rests on 1 min 4 s of this speaker's speech, which count 75 %"
            )
            assert "−7" not in await row(visit, "Pitch")
            assert visit.complaints == []

    browser.run(check())


def test_all_features_stand_in_a_table_behind_a_disclosure(browser: Browser) -> None:
    async def check() -> None:
        hub, session = Hub(), SyntheticSession()
        async with serving(hub) as address, browser.open(address.page_url) as visit:
            await publish(hub, [session.started(), changed(session.affect(), features_of(F0semi=(36, 1.5)))])
            await shows_row(visit, "Pitch", "220 Hz")
            assert await visit.page.locator(".voice-all tbody tr").count() == 0
            await visit.page.get_by_text("All 88 features").click()
            await visit.counts(".voice-all tbody tr", 88)
            names = await visit.page.locator(".voice-all tbody th").all_inner_texts()
            assert tuple(names) == FEATURE_NAMES
            await visit.shows(".voice-all tbody tr:first-child", "36.00")
            await visit.shows(".voice-all tbody tr:first-child", "+1.50")
            await visit.page.get_by_text("What these features are").click()
            await visit.shows(".voice-glossary", "loudnessPeaksPerSec")

    browser.run(check())


HOSTILE = """
roots[1].querySelector(".voice-all").open = true;
for (let index = 0; index < 40; index += 1) {
  const features = { [argument]: [1, 2], "__proto__": [1, 2], loudness_sma3_amean: [1e308, -1e308] };
  features["F0semitoneFrom27.5Hz_sma3nz_amean"] = [argument, null];
  for (let more = 0; more < 500; more += 1) features[`${more}${argument}`] = [more, more];
  take(index, { emotion: { [argument + index]: 0.6 }, embedding: [index, Math.sin(index), 1], features });
  for (const part of [map, voice]) part.draw(1_000 * index);
}
return [roots.map((root) => root.textContent.length), roots.map((root) => root.querySelectorAll("b").length),
  roots[1].querySelectorAll("tbody tr").length];
"""


def test_hostile_names_stay_text_and_are_bounded(browser: Browser) -> None:
    async def check() -> None:
        lengths, elements, rows = await told_on_a_page(browser, HOSTILE, "<b onclick=alert(1)>\u202e" * 500)
        assert max(lengths) < 20_000
        assert elements == [0, 0]
        assert 1 < rows <= 128

    browser.run(check())


SHOWS_SHARE = """(least) =>
  Number(/([0-9]+) % of all variance/.exec(document.querySelector("#map").textContent)?.[1]) > least"""


async def estimates_of_the_sample(address: Address) -> list[Affect | SpeechEnded]:
    """Send the sample that ships, and return its estimates, in order."""
    samples_T, _ = soundfile.read(SAMPLE_PATH, dtype="int16")
    async with open_sender(address.ingest_url, stream="kitchen", live=False) as sender:
        await sender.push(samples_T)
        await sender.end()
    events = [event async for event in follow(address.events_url, since=0, features=True, until_end=True)]
    return [event for event in events if isinstance(event, Affect | SpeechEnded) and event.emotion]


def test_real_features_and_moments_reach_the_page(browser: Browser) -> None:
    async def check() -> None:
        async with service() as live:
            estimates = await estimates_of_the_sample(live.address)
            async with browser.open(live.address.page_url) as visit:
                await visit.until(
                    """(count) => [...document.querySelectorAll(".map-legend span")]
                    .reduce((sum, { textContent }) => sum + Number(textContent), 0) === count""",
                    len(estimates),
                )
                embeddings = np.array([estimate.embedding for estimate in estimates])
                best = np.linalg.eigvalsh(np.cov(embeddings.T))[::-1]
                # The axes are held while better ones would show less than 2 % more.
                await visit.until(SHOWS_SHARE, 100 * best[:2].sum() / best.sum() - 3)
                pairs = estimates[-1].features
                assert isinstance(pairs, dict)
                semitones, score = pairs[FEATURE_NAMES[0]]
                await shows_row(visit, "Pitch", f"{27.5 * 2 ** (semitones / 12):.0f} Hz")
                await shows_row(visit, "Pitch", f"{abs(score):.1f}", "usually")
                await shows_row(visit, "Harmonics to noise", f"{pairs['HNRdBACF_sma3nz_amean'][0]:.1f} dB")
                await visit.shows(".voice-headline", "Farthest from usual at")
                await visit.shows(
                    ".voice-baseline", f"rests on {estimates[-1].baseline_s:.0f} s of this speaker"
                )

    browser.run(check())
