import time
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmlstream.stream.events import KINDS, STREAM_NAME_PATTERN, Affect, Gap
from cmlstream.stream.forms import Form
from cmlstream.stream.selection import Selection, SelectionError, Since, parse_selection
from tests.stream.synthetic import SyntheticSession

stream_names = st.from_regex(STREAM_NAME_PATTERN, fullmatch=True).filter(lambda name: "\n" not in name)

session_names = st.text(st.characters(exclude_characters="\n", codec="utf-8"), min_size=1, max_size=40)


def test_nothing_said_means_every_stream_from_now_on() -> None:
    assert parse_selection("") == Selection()


def test_a_star_means_every_stream_even_beside_names() -> None:
    assert parse_selection("stream=*") == Selection()
    assert parse_selection("stream=hall&stream=*") == Selection()


@given(st.sets(stream_names, min_size=1, max_size=5), st.integers(0, 10**15 - 1))
def test_streams_and_since_are_read_as_written(streams: set[str], seq: int) -> None:
    query = urlencode([("stream", name) for name in streams] + [("since", str(seq))])
    assert parse_selection(query) == Selection(frozenset(streams), Since(seq))


@given(st.dictionaries(session_names, st.integers(0, 10**15 - 1), min_size=1, max_size=4))
def test_since_may_name_the_sessions_it_belongs_to(sessions: dict[str, int]) -> None:
    query = urlencode([("since", f"{session}:{seq}") for session, seq in sessions.items()])
    since = parse_selection(query).since
    assert since is not None
    assert {session: since.last_read(session) for session in sessions} == sessions
    assert since.seq is since.moment_s is None


@given(st.dictionaries(session_names, st.integers(0, 9), max_size=2), st.integers(0, 10**9))
def test_beside_sessions_a_number_or_an_age_speaks_of_the_other_streams(
    sessions: dict[str, int], number: int
) -> None:
    named = [("since", f"{session}:{seq}") for session, seq in sessions.items()]
    assert parse_selection(urlencode([*named, ("since", number)])).since == Since(number, sessions)
    before_s = time.time()
    since = parse_selection(urlencode([("since", f"{number}.25s"), *named])).since
    assert since is not None
    assert since == Since(None, sessions, since.moment_s)
    assert before_s <= (since.moment_s or 0) + number + 0.25 <= time.time()


@given(st.sets(st.sampled_from(sorted(KINDS))))
def test_types_are_read_as_written(names: set[str]) -> None:
    query = urlencode([("type", name) for name in names])
    assert parse_selection(query).kinds == {KINDS[name] for name in names}


def test_a_selection_by_type_leaves_other_types_out() -> None:
    selection, session = parse_selection("type=affect&type=gap"), SyntheticSession()
    messages = (session.affect(), session.gap(), session.status(), session.speech_ended())
    assert {type(one.event) for one in messages if selection.includes(one.event)} == {Affect, Gap}


@pytest.mark.parametrize("embedding", [0, 1])
@pytest.mark.parametrize("features", [0, 1])
def test_the_form_is_read_as_written(embedding: int, features: int) -> None:
    selection = parse_selection(f"embedding={embedding}&features={features}")
    assert selection.form == Form(embedding=bool(embedding), features=bool(features))


def test_an_unknown_type_is_answered_with_all_that_are_known() -> None:
    with pytest.raises(SelectionError) as refused:
        parse_selection("type=effect")
    assert all(name in str(refused.value) for name in ("'effect'", *KINDS))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("type=", "''"),
        ("type=Affect", "'Affect'"),
        ("features=yes", "'yes'"),
        ("features=", "''"),
        ("embedding=0&embedding=0", "'0'"),
        ("embedding=2", "'2'"),
        ("strem=kitchen", "'strem'"),
        ("stream", "'stream'"),
        ("stream=a b", "'a b'"),
        ("stream=", "''"),
        ("stream=../etc", "'../etc'"),
        ("stream=-x", "'-x'"),
        ("stream=a%0a", r"'a\n'"),
        ("stream=%ff", "'stream=%ff'"),
        ("stream=" + "x" * 65, "'xxxxxxxx"),
        ("since=", "''"),
        ("since=-1", "'-1'"),
        ("since=1.5", "'1.5'"),
        ("since=1e3", "'1e3'"),
        ("since=s1:", "'s1:'"),
        ("since=1&since=2", "'1'"),
        ("since=1&since=a:1&since=2s", "'1'"),
        ("since=2m", "'2m'"),
        ("since=-2s", "'-2s'"),
        ("since=" + "9" * 16, "'9999999999999999'"),
        ("since=%D9%A1", r"'\u0661'"),
    ],
)
def test_what_cannot_be_understood_is_named(query: str, named: str) -> None:
    with pytest.raises(SelectionError) as refused:
        parse_selection(query)
    assert named in str(refused.value)
    assert str(refused.value).isascii()
    assert len(str(refused.value)) < 250


@given(st.text(max_size=200))
def test_any_query_is_read_or_refused(query: str) -> None:
    try:
        parse_selection(query)
    except SelectionError as refused:
        assert str(refused).isprintable()  # noqa: PT017 - only where it is refused
