"""One browser for all tests of a file."""

from collections.abc import Iterator

import pytest

from tests.stream.page.browser import Browser, browsing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium; each test opens pages of its own in it."""
    with browsing() as started:
        yield started
