"""Node.js, where there is one that has websockets."""

import shutil
import subprocess

import pytest

# Node.js has had both by itself since version 22.
COMMAND = ("node", "--experimental-websocket", "--experimental-default-type=module", "--no-warnings")


def is_there() -> bool:
    if shutil.which("node") is None:
        return False
    return subprocess.run([*COMMAND, "--eval", ""], capture_output=True, check=False).returncode == 0


needs_node = pytest.mark.skipif(not is_there(), reason="Node.js 20.10 or later is not installed")
