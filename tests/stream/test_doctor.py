import json

import pytest

from cmlstream.models import archive
from cmlstream.stream import doctor


def test_torch_and_the_model_that_ships_are_healthy():
    assert doctor.check_torch().healthy
    check = doctor.check_model()
    assert check.healthy, check.found


def test_a_model_that_was_changed_is_told_with_what_to_do(tmp_path, monkeypatch):
    shipped = archive.default_path()
    changed = tmp_path / shipped.name
    changed.write_bytes(shipped.read_bytes() + b"x")
    changed.with_name(f"{shipped.name}.sha256").write_bytes(
        shipped.with_name(f"{shipped.name}.sha256").read_bytes()
    )
    monkeypatch.setattr(archive, "default_path", lambda: changed)
    check = doctor.check_model()
    assert not check.healthy
    assert "changed or damaged" in check.found


def test_the_embedded_redis_starts():
    assert doctor.check_embedded_redis().healthy


def test_a_redis_server_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    check = doctor.check_embedded_redis()
    assert not check.healthy
    assert "redis-server" in check.found


def test_a_redis_that_answers_and_one_that_does_not(redis_server, free_port):
    assert doctor.check_redis(redis_server.url).healthy
    refused = doctor.check_redis(f"redis://:secret@127.0.0.1:{free_port()}/0")
    assert not refused.healthy
    assert "secret" not in refused.found


@pytest.mark.slow
def test_the_exit_code_says_whether_all_is_well(run_program):
    completed = run_program("doctor", "--json")
    checks = json.loads(completed.stdout)
    assert {check["name"] for check in checks} == {"torch", "model", "microphone", "embedded redis"}
    assert completed.returncode == (0 if all(check["healthy"] for check in checks) else 2)
