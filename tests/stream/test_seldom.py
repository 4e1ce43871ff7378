import logging

from cmlstream.stream import seldom
from cmlstream.stream.seldom import INTERVAL_S, SeldomLog


def test_what_happens_often_is_said_seldom_and_counted(caplog, monkeypatch):
    now_s = 1_000.0
    monkeypatch.setattr(seldom.time, "monotonic", lambda: now_s)
    log = SeldomLog(logging.getLogger("test"))
    for _ in range(5):
        log.warning("%d streams are late", 3)
    now_s += INTERVAL_S
    log.warning("%d streams are late", 4)
    assert [record.getMessage() for record in caplog.records] == [
        "3 streams are late",
        "4 streams are late (4 more since the last such line)",
    ]
