import pytest
import torch

from cmlstream.models.archive import script
from cmlstream.models.egemaps import FrontEnd


@pytest.fixture(scope="session")
def front_end() -> FrontEnd:
    torch.set_num_threads(1)
    return FrontEnd()


@pytest.fixture(scope="session")
def scripted() -> torch.jit.ScriptModule:
    return script(FrontEnd())
