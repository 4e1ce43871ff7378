from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError

from cmlstream.stream.server import admission
from cmlstream.stream.server.patience import Patience
from cmlstream.stream.server.tokens import Tokens
from tests.stream.service import service
from tests.stream.serving import following, not_reading, publish, run, until
from tests.stream.synthetic import SyntheticSession

NAMES = ("hall", "wall")


def write_tokens(path: Path, *names: str) -> None:
    path.touch(0o600)
    path.write_text(
        "".join(f'[[token]]\nname = "{name}"\nsecret = "{name * 5}"\nscopes = ["events"]\n' for name in names)
    )


def shown(name: str) -> dict[str, dict[str, str]]:
    return {"additional_headers": {"Authorization": f"Bearer {name * 5}"}}


def test_a_withdrawn_token_ends_though_another_follower_is_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "CHECK_S", 0.01)
    path = tmp_path / "tokens.toml"
    write_tokens(path, "keep", *NAMES)

    async def check() -> None:
        tokens = Tokens.load(path)
        async with (
            service(
                tokens=tokens, patience=Patience(60, 60), settings={"send_buffer_bytes": 4_096}
            ) as running,
            not_reading(running.address, **shown("hall")) as stuck,
            following(running.address, **shown("wall")) as reader,
        ):

            def turned_away() -> float | None:
                told = {"code": "unauthorized"}
                return running.metrics.registry.get_sample_value("cmlstream_refusals_total", told)

            await until(lambda: running.hub.subscribers == 2)
            await publish(running.hub, SyntheticSession().updates(500))
            for number, names in enumerate((["wall"], []), start=1):
                write_tokens(path, "keep", *names)
                tokens.reload()
                await until(lambda number=number: turned_away() == number)
            with pytest.raises(ConnectionClosedError, match="4401"):
                async for _ in reader:
                    pass
            await until(lambda: running.hub.subscribers == 1)
            stuck.transport.abort()

    run(check())
