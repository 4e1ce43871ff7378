import asyncio
import os
import signal
import threading

import pytest

from cmlstream.stream.server.renewal import renew_on_hangup
from tests.stream.serving import run, until


class Counted:
    """Counts how often it was reloaded, and never on the loop's thread."""

    def __init__(self) -> None:
        self.reloads = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.threads: set[int] = set()

    def reload(self) -> None:
        self.threads.add(threading.get_ident())
        self.may_go_on.wait()
        self.reloads += 1


@pytest.fixture(autouse=True)
def undisturbed():
    before = signal.getsignal(signal.SIGHUP)
    yield
    assert signal.getsignal(signal.SIGHUP) is before


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


async def handling() -> None:
    await until(lambda: signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL)


def test_a_real_signal_reloads_everything_on_another_thread() -> None:
    async def check() -> None:
        tokens, certificate = Counted(), Counted()
        renewing = asyncio.create_task(renew_on_hangup([tokens, certificate]))
        await handling()
        for times in (1, 2):
            hang_up()
            await until(lambda times=times: certificate.reloads == times)
            assert tokens.reloads == times
        assert threading.get_ident() not in tokens.threads | certificate.threads
        renewing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await renewing

    run(check())


def test_signals_that_come_meanwhile_lead_to_one_more_reading() -> None:
    async def check() -> None:
        slow = Counted()
        slow.may_go_on.clear()
        renewing = asyncio.create_task(renew_on_hangup([slow]))
        await handling()
        hang_up()
        await until(lambda: bool(slow.threads))
        for _ in range(5):
            hang_up()
            await asyncio.sleep(0)
        slow.may_go_on.set()
        await until(lambda: slow.reloads == 2)
        hang_up()
        await until(lambda: slow.reloads == 3)
        renewing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await renewing

    run(check())
