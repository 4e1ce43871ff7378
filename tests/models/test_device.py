import pytest
import torch

from cmlstream.models import archive
from cmlstream.models.device import device_of
from cmlstream.models.errors import ConfigurationError

with_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")


@without_gpu
def test_a_gpu_that_is_not_there_is_refused_with_what_to_do():
    with pytest.raises(ConfigurationError, match=r"device cuda cannot be used \(.+\): take --device cpu"):
        archive.load(archive.default_path(), device="cuda")


@without_gpu
def test_without_a_gpu_auto_is_the_processor():
    assert archive.load(archive.default_path(), device="auto").device == torch.device("cpu")


def test_auto_takes_a_gpu_where_torch_finds_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_of("auto") == device_of("cuda") == torch.device("cuda")
    assert device_of("cpu") == torch.device("cpu")
