import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]


def test_the_measurement_sees_every_event_at_every_subscriber():
    # As people start it: what it starts itself finds the tests from the checkout's root.
    command = [
        sys.executable,
        "-m",
        "tests.stream.server.subscribers",
        "--subscribers",
        "100",
        "--events",
        "5",
    ]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True)
    head, _, *rows = done.stdout.splitlines()
    assert head == "100 subscribers, 5 events, 0 skipped"
    assert [row.split()[0] for row in rows] == ["delay_ms", "loop_lateness_ms", "server:"]
    assert all(float(figure) >= 0 for figure in rows[0].split()[1:])
