"""Take the README's picture: the real program plays the sample that ships, and a browser looks at its page.

python -m tests.stream.page.picture README.png
"""

from __future__ import annotations

import sys

from tests.stream.page.browser import Browser, browsing
from tests.stream.programs import line_with, program

SIZE = {"width": 1400, "height": 1230}
TELLING_SPEECH_S = 40
"""So much of the sample has been heard that every part of the page has something to show."""

SEEN = f"""() => document.querySelector("#speaking").textContent === "speech"
  && document.querySelectorAll("#entries li").length > 6 && performance.now() > {1000 * TELLING_SPEECH_S}"""


async def take(browser: Browser, path: str) -> None:
    """Listen to the sample at its own pace and keep what the page shows while somebody speaks."""
    async with program("listen", "sample", "--realtime", "--port", "0") as listening:
        told = await line_with(listening.stderr, r"^\s*page ")
        options = {"viewport": SIZE, "device_scale_factor": 1.25, "color_scheme": "light"}
        async with browser.open(told.split()[1], **options) as visit:
            await visit.page.click("#note summary")
            await visit.page.wait_for_function(SEEN, timeout=120_000)
            await visit.page.screenshot(path=path)


def main() -> None:
    """Take the picture and keep it at the path given."""
    if len(sys.argv) != 2:
        sys.exit("Say where the picture goes: python -m tests.stream.page.picture README.png")
    with browsing() as browser:
        browser.run(take(browser, sys.argv[1]))


if __name__ == "__main__":
    main()
