import asyncio
import subprocess
import sys
import threading

import pytest

from cmlstream.stream.daemon import on_daemon_thread

HANG = """
import asyncio, threading
from cmlstream.stream.daemon import on_daemon_thread

async def main():
    async with asyncio.timeout(0.01):
        await on_daemon_thread(threading.Event().wait, "hanging")

asyncio.run(main())
"""


def test_the_result_and_the_error_come_back_to_whoever_awaits():
    assert asyncio.run(on_daemon_thread(lambda: threading.current_thread().name, "worker")) == "worker"
    with pytest.raises(ZeroDivisionError):
        asyncio.run(on_daemon_thread(lambda: 1 // 0, "worker"))


def test_a_thread_that_hangs_does_not_keep_the_program_alive():
    ended = subprocess.run(
        [sys.executable, "-c", HANG], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert "TimeoutError" in ended.stderr
