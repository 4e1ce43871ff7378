"""The design a user would write today: openSMILE on the last 3 s every 250 ms, one process a stream.

`python -m tests.stream.load.naive` prints what it takes of a core, and how many streams that leaves room for;
no voice activity, no model, no network: only the features.
"""

from __future__ import annotations

import argparse
import time
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
import opensmile
import psutil

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE
from tests.stream.load.audio import loops

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

HOP_S = 0.25
Found = tuple[float, list[float], float]
"""Processor seconds, delays in ms, resident MB."""
WINDOW_SAMPLES = 3 * SAMPLE_RATE


def follow_one(seconds: float, results: Queue[Found]) -> None:
    """Compute features in real time, and put what it took into `results`."""
    minute_T = loops(1, 1.0)[0].astype(np.float32) / FULL_SCALE
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    smile.process_signal(minute_T[:WINDOW_SAMPLES], SAMPLE_RATE)
    delays_ms = []
    spent_s, began_s = time.process_time(), time.monotonic()
    for hop in range(1, int(seconds / HOP_S) + 1):
        due_s = began_s + hop * HOP_S
        time.sleep(max(0.0, due_s - time.monotonic()))
        end = WINDOW_SAMPLES + int(hop * HOP_S * SAMPLE_RATE) % (len(minute_T) - WINDOW_SAMPLES)
        smile.process_signal(minute_T[end - WINDOW_SAMPLES : end], SAMPLE_RATE)
        delays_ms.append(1000 * (time.monotonic() - due_s))
    memory_mb = psutil.Process().memory_info().rss / 1e6
    results.put((time.process_time() - spent_s, delays_ms, memory_mb))


def main() -> None:
    """Read the options, run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    context = get_context("spawn")
    results: Queue[Found] = context.Queue()
    processes = [
        context.Process(target=follow_one, args=(given.seconds, results)) for _ in range(given.streams)
    ]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    delays_ms = np.concatenate([delays for _, delays, _ in found])
    p50_ms, p99_ms = np.percentile(delays_ms, (50, 99))
    cores = sum(spent_s for spent_s, _, _ in found) / given.seconds / given.streams
    print(f"| naive, {given.streams} streams: cores per stream | {cores:.3f} |")
    print(f"| naive: delay p50 / p99 (ms) | {p50_ms:.0f} / {p99_ms:.0f} |")
    print(f"| naive: memory per stream (MB) | {np.median([memory for _, _, memory in found]):.0f} |")
    print(f"| naive: continuous streams that two cores carry | {2 / cores:.0f} |")


if __name__ == "__main__":
    main()
