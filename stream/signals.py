"""What SIGINT, SIGTERM and SIGHUP ask for."""

from __future__ import annotations

import asyncio
import signal


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGINT or SIGTERM sets; whoever asks again gets the signal's own effect."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop_once, loop, number, stop)
    return stop


def stop_on_hangup(stop: asyncio.Event) -> None:
    """Let SIGHUP set `stop` too, unless `nohup` has it ignored.

    Whoever asks again changes nothing: a terminal that is closed may send it more than once.
    """
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.set)


def _stop_once(loop: asyncio.AbstractEventLoop, number: signal.Signals, stop: asyncio.Event) -> None:
    stop.set()
    loop.remove_signal_handler(number)
