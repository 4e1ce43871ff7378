"""Every error this program raises on purpose, and the exit code each means.

CmlstreamError           1  ours: a defect or a broken machine
└── UserError            2  the user can mend it; the message says how
    ├── InputError          audio that cannot be used: unreadable, empty, wrong rate, missing device
    ├── ModelError          an archive that cannot be trusted or does not fit this program
    ├── ConfigurationError  an option, a file or a combination of them that makes no sense
    ├── ServiceError        Redis or a port that refuses
    └── CorpusError         a manifest or a label that cannot be trained on

A message names the thing, the value found, and what to do about it.
"""

from __future__ import annotations


class CmlstreamError(Exception):
    """The root of the hierarchy; raised as itself only for our own defects."""

    exit_code = 1


class UserError(CmlstreamError):
    """Something the user can mend; shown as one sentence, without a traceback."""

    exit_code = 2


class InputError(UserError):
    """Audio that cannot be used: an unreadable or empty file, a wrong rate, a missing device."""


class ModelError(UserError):
    """A model archive whose hash, format version or contents are not what they should be."""


class ConfigurationError(UserError):
    """An option, a configuration file, or a combination of them that makes no sense."""


class ServiceError(UserError):
    """Something outside this process refuses: Redis, or the port to listen on."""


class CorpusError(UserError):
    """A manifest, a label or a split that cannot be trained on."""
