"""What the charts reckon with: ticks, views, thinning, finding by time, fields of a table."""

import csv
import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.stream.page.browser import Browser
from tests.stream.page.one_page import one_page

pytestmark = pytest.mark.slow

NOON_MS = 1_893_499_200_000
BOUNDS = {"oldest": NOON_MS - 300_000, "newest": NOON_MS}


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(browser: Browser) -> Iterator[Ask]:
    """Evaluate an expression, where `m` is a module and `a` what it is told."""
    with one_page(browser, timezone_id="Asia/Kolkata") as evaluate:
        yield lambda module, expression, *told: evaluate(
            f'async (a) => {{ const m = await import("/{module}.js"); return {expression}; }}', list(told)
        )


def test_ticks_stand_at_round_local_times_and_are_not_too_many(ask: Ask) -> None:
    spans = [[5_000, 8], [61_000, 5], [300_000, 9], [300_000, 2]]
    ticks = ask(
        "axis",
        f"a.map(([span, most]) => m.timeTicks({NOON_MS} - span - 700, {NOON_MS} - 700, most))",
        *spans,
    )
    for (span, most), told in zip(spans, ticks, strict=True):
        assert 1 <= len(told) <= most + 1, span
        steps = {after["time"] - before["time"] for before, after in pairwise(told)}
        assert len(steps) <= 1
        assert all(tick["time"] % 1000 == 0 for tick in told)
    assert [tick["text"] for tick in ticks[0]] == ["17:29:55", "17:29:56", "17:29:57", "17:29:58", "17:29:59"]
    assert [tick["text"] for tick in ticks[2]] == ["17:25", "17:26", "17:27", "17:28", "17:29"]


def test_a_view_fits_itself_in_steps_until_it_is_zoomed(ask: Ask) -> None:
    spans = ask(
        "view",
        "a.map((age) => m.rangeOf(m.WHOLE, { oldest: -age, newest: 0 }).spanMs)",
        1_000,
        59_000,
        61_000,
        200_000,
        900_000,
    )
    assert spans == [60_000, 60_000, 120_000, 240_000, 300_000]


def test_zooming_keeps_what_is_under_the_pointer_and_stays_within_limits(ask: Ask) -> None:
    anchor = NOON_MS - 120_000
    told = ask(
        "view",
        """(() => {
          const [bounds, anchor] = a;
          const held = m.held(m.WHOLE, bounds);
          const zoomed = m.zoomed(held, 0.5, anchor, bounds);
          const share = ({ from, to }) => (anchor - from) / (to - from);
          const near = m.zoomed(held, 1e-9, anchor, bounds);
          const far = m.zoomed(near, 1e9, anchor, bounds);
          return { before: share(m.rangeOf(held, bounds)), after: share(m.rangeOf(zoomed, bounds)),
            near: near.spanMs, far: m.rangeOf(far, bounds), live: m.zoomed(m.WHOLE, 0.5, anchor, bounds) };
        })()""",
        BOUNDS,
        anchor,
    )
    assert told["after"] == pytest.approx(told["before"])
    assert told["near"] == 5_000
    assert told["far"] == {"from": BOUNDS["oldest"], "to": NOON_MS, "spanMs": 300_000}
    assert told["live"] == {"spanMs": 150_000, "endMs": None}


def test_scrolling_stops_at_the_oldest_and_past_the_newest_is_live_again(ask: Ask) -> None:
    told = ask(
        "view",
        """(() => {
          const [bounds] = a;
          const minute = { spanMs: 60_000, endMs: bounds.newest };
          const back = m.panned(minute, -1e9, bounds);
          const forward = m.panned(back, 30_000, bounds);
          return { back: m.rangeOf(back, bounds).from, forward: m.rangeOf(forward, bounds).from,
            past: m.panned(forward, 1e9, bounds).endMs,
            reveal: m.rangeOf(m.revealing(back, bounds.newest, bounds), bounds).to,
            same: m.revealing(back, bounds.oldest, bounds) === back };
        })()""",
        BOUNDS,
    )
    assert told["back"] == BOUNDS["oldest"]
    assert told["forward"] == BOUNDS["oldest"] + 30_000
    assert told["past"] is None
    assert told["reveal"] == NOON_MS
    assert told["same"]


def test_a_line_is_thinned_to_the_pixels_and_keeps_its_peaks(ask: Ask) -> None:
    values = [float(index * 37 % 101) for index in range(1400)]
    points = [{"time": 214 * index, "value": value} for index, value in enumerate(values)]
    kept = ask("thinning", "[...m.thinned(a, 0, a.length, 3_000, (point) => point.value)]", *points)
    columns = 1400 * 214 / 3_000
    assert len(kept) <= 4 * (columns + 1)
    assert [point["time"] for point in kept] == sorted({point["time"] for point in kept})
    by_column: dict[int, list[float]] = {}
    for point in points:
        by_column.setdefault(int(point["time"] // 3_000), []).append(point["value"])
    for column, held in by_column.items():
        drawn = [point["value"] for point in kept if point["time"] // 3_000 == column]
        assert (max(drawn), min(drawn), drawn[0], drawn[-1]) == (max(held), min(held), held[0], held[-1])


def test_bands_are_the_means_of_their_pixels(ask: Ask) -> None:
    points = [
        {"time": time, "emotion": {"anger": share, "joy": 1 - share}}
        for time, share in [(1, 0.2), (2, 0.4), (11, 1)]
    ]
    means = ask("thinning", 'm.averaged(a, 0, a.length, 10, ["anger", "constructor"])', *points)
    assert [mean["time"] for mean in means] == [1.5, 11]
    assert [mean["shares"] for mean in means] == [[pytest.approx(0.3), 0], [1, 0]]


def test_moments_are_found_by_their_time(ask: Ask) -> None:
    items = [{"time": time} for time in (10, 20, 20, 40)]
    script = "[9, 10, 15, 20, 31, 99].map((time) => [m.firstFrom(a, time), m.nearest(a, time, 5)])"
    assert ask("timeline", script, *items) == [[0, 0], [0, 0], [1, 1], [1, 1], [3, -1], [4, -1]]


def test_runs_break_at_regions_gaps_finals_and_long_silence(ask: Ask) -> None:
    times = [1_000, 1_250, 2_000, 2_250, 3_000, 3_250, 3_500, 12_000]
    points = [{"time": time, "final": time == 3_250} for time in times]
    told = ask(
        "timeline",
        "[...m.runs(a[0])]",
        {
            "points": points,
            "regions": [{"start": 0, "end": 1_400}, {"start": 1_500, "end": None}],
            "gaps": [{"start": 2_400, "end": 2_500}],
        },
    )
    assert told == [[0, 2], [2, 4], [4, 5], [6, 7], [7, 8]]


def test_a_region_whose_end_was_never_told_lasts_until_the_next(ask: Ask) -> None:
    spans = [{"start": 0, "end": None}, {"start": 50, "end": 60}, {"start": 90, "end": None}]
    told = ask("timeline", "[...m.spansWithin(a, 10, 95, 100)]", *spans)
    assert [(span["start"], span["end"]) for span in told] == [(0, 50), (50, 60), (90, 100)]


def test_labels_never_lie_upon_each_other(ask: Ask) -> None:
    wanted = [50, 50, 0, 100, 99]
    places = ask("canvas-text", "m.spread(a, 12, { top: 0, bottom: 100 })", *wanted)
    ordered = sorted(places)
    assert all(after - before >= 12 for before, after in pairwise(ordered))
    assert ordered[0] >= 6
    assert ordered[-1] <= 94
    assert places[2] == ordered[0]


LISTENED = """(async () => {
  const slider = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const name of ["width", "height", "tabindex"]) slider.setAttribute(name, "1");
  document.documentElement.append(slider);
  const spoken = new m.Spoken(slider, "a chart");
  const heard = [];
  const tell = (nowMs, text, whole = false) => {
    if (text) spoken.tell(text, { now: 0, most: 0, whole });
    spoken.flush(nowMs);
    const said = slider.getAttribute("aria-valuetext");
    if (heard.at(-1) !== said) heard.push(said);
  };
  const unheard = [[0, "first"], [200, "second"], [900], [1_100]];
  for (const step of unheard) tell(...step);
  const withheld = heard.splice(0);
  slider.focus();
  for (let at = 2_000; at < 60_000; at += 250) tell(at, `rolling ${at}`);
  const rolling = heard.splice(0);
  for (let at = 60_000; at < 80_000; at += 250) tell(at, `at ${at}`, at % 2_000 === 0);
  const whole = heard.splice(0);
  spoken.hurry();
  tell(80_000, "asked");
  tell(80_001, "rolling");
  spoken.hurry();
  tell(80_002);
  const asked = heard.splice(0);
  slider.blur();
  tell(81_500, "last");
  return { withheld, rolling, whole, asked, left: heard };
})()"""


def test_who_listens_to_a_chart_hears_whole_utterances_now_and_then_and_what_was_asked(ask: Ask) -> None:
    told = ask("spoken", LISTENED)
    assert told["withheld"] == ["first", "second"]
    assert told["rolling"] == ["second"]
    assert told["whole"] == ["at 60000", "at 68000", "at 76000"]
    assert told["asked"] == ["asked", "rolling"]
    assert told["left"] == ["last"]


AWAY = """(async () => {
  const away = new AbortController();
  const kept = [];
  let [listening, lost] = [0, 0];
  const counted = (name, by) => {
    const act = away.signal[name].bind(away.signal);
    away.signal[name] = (...told) => {
      listening += by;
      act(...told);
    };
  };
  counted("addEventListener", 1);
  counted("removeEventListener", -1);
  const onState = ({ state }) => {
    if (state === "connecting") kept.push(listening);
    if (state === "lost" && (lost += 1) === 3) away.abort();
  };
  for await (const _ of m.follow({ url: `${location.origin}/nowhere`, signal: away.signal, onState }));
  return kept;
})()"""


def test_nothing_is_left_behind_by_attempts_to_reach_a_server(ask: Ask) -> None:
    assert ask("follow", AWAY) == [0, 0, 0]


def test_streams_are_sorted_as_words_or_figures_and_those_that_are_over_come_last(ask: Ask) -> None:
    rooms: list[dict[str, Any]] = [
        {"name": "a", "source": "sample", "speaking": True, "latest": {"novelty": 0.1}},
        {"name": "b", "source": "", "speaking": False, "status": {"muted": True}, "latest": {"novelty": 0.9}},
        {"name": "c", "source": "desk", "speaking": False, "latest": {"novelty": 0.9}},
        {"name": "d", "source": "attic", "speaking": False, "latest": None},
        {"name": "e", "source": "attic", "speaking": False, "latest": {"novelty": 1}, "endedAt": NOON_MS},
    ]
    states = [{"endedAt": None, "status": None, "model": "m", **room} for room in rooms]
    orders = ["name", "source", "model", "state", "novelty"]
    script = """[false, true].map((reversed) => a[0].map((order) => {
      const states = a[1].map((state) => ({ ...state, silentSince: () => null }));
      return m.sorted(states, order, reversed, 0).map(({ name }) => name).join("");
    }))"""
    forward, backward = ask("order", script, orders, states)
    assert forward == ["abcde", "dcabe", "abcde", "bacde", "bcade"]
    assert backward == ["dcbae", "acdbe", "abcde", "cdabe", "abcde"]
    assert set(orders) < set(ask("order", "m.ORDERS"))
    told = ask("order", "a[0].map((order) => m.figureOf(a[1][0], order))", orders[:4], states)
    assert told == ["", "source sample", "model m", ""]


HARMLESS = ["kitchen", "a,b", 'say "so"', "two\r\nlines", ""]
FORMULAS = ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", " =1", '=HYPERLINK("http://x","y")']


def test_fields_of_a_table_survive_and_are_no_formulas(ask: Ask) -> None:
    texts = [*HARMLESS, *FORMULAS]
    fields = ask("export", "a.map(m.field)", *texts, -0.25, 1e-7, None)
    (row,) = csv.reader(io.StringIO(",".join(fields) + "\r\n", newline=""), strict=True)
    assert row[: len(texts)] == [*HARMLESS, *(f"'{formula}" for formula in FORMULAS)]
    assert [float(number) for number in row[len(texts) : -1]] == [-0.25, 1e-7]
    assert row[-1] == ""


def test_files_have_names_that_every_system_takes(ask: Ask) -> None:
    name = ask("export", 'm.fileName(a[0], a[1], "csv")', "../e\u202evil/<b>\n" * 50, NOON_MS)
    assert name.startswith("cmlstream_.._e_vil__b_")
    assert name.endswith("_2030-01-01T120000Z.csv")
    assert len(name) < 110
