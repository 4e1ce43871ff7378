"""Certificates of our own for servers on this machine, made by openssl in a few milliseconds."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate that vouches for itself, and its key."""

    certificate: Path
    private_key: Path


def make_pair(folder: Path, name: str = "server", host: str = "localhost") -> Pair:
    """Make, or make anew, a pair in `folder`."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    openssl(
        *(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-noenc",
            "-days",
            "2",
        ),
        *("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1"),
        *("-keyout", str(pair.private_key), "-out", str(pair.certificate)),
    )
    return pair


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)
