"""What the model runs on."""

from __future__ import annotations

from typing import Literal

import torch

from .errors import ConfigurationError

Device = Literal["auto", "cpu", "cuda"]


def device_of(wanted: Device) -> torch.device:
    """The device of that name; `auto` is a GPU where this torch can use one.

    Raises:
        ConfigurationError: a GPU is asked for and there is none.

    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        lacking = "this torch was built without CUDA" if torch.version.cuda is None else "it finds no GPU"
        raise ConfigurationError(
            f"The device cuda cannot be used ({lacking}): take --device cpu, or install a torch with CUDA "
            "and the driver of the GPU."
        )
    return torch.device("cuda")
