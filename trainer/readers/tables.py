"""The tables of an audformat database, opened without running anything that its maker put there.

The package `audformat` would parse the header with YAML's unsafe loader and prefer tables kept as pickles,
both of which can run code. So the header goes through the safe loader, and tables are opened from a folder
of links in which there are no pickles.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cmlstream.models.errors import ConfigurationError, CorpusError

HEADER = "db.yaml"
SUFFIXES = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Column:
    """The values of a scheme by file, and the files of which only parts have some."""

    values: Mapping[str, Any]
    segmented: frozenset[str]


def load(folder: Path) -> Any:
    """The `audformat.Database` of a folder, with its tables in memory.

    Raises:
        CorpusError: header and tables cannot be read.
        ConfigurationError: the package `audformat` is not installed.

    """
    try:
        import audformat
        import yaml
    except ImportError as error:
        raise ConfigurationError(
            "Databases in audformat are read with a package that is not installed: "
            "pip install 'cmlstream[audformat]'."
        ) from error
    try:
        header = yaml.safe_load((folder / HEADER).read_text(encoding="utf-8"))
        database = audformat.Database.load_header_from_yaml(header)
        with TemporaryDirectory() as place, _without_deprecations():
            _link_tables(folder, Path(place))
            # Miscellaneous tables first: others take their labels from them.
            for table in (*database.misc_tables, *database.tables):
                database[table].load(f"{place}/{Path(HEADER).stem}.{table}")
    except OSError as error:
        raise CorpusError(
            f"{folder / HEADER} cannot be read ({error.strerror}): name an audformat database's folder."
        ) from error
    except RuntimeError as error:
        raise CorpusError(
            f"A table that {folder / HEADER} names is there neither as CSV nor as Parquet: "
            "save it as one of them (pickles are not opened, they can run code)."
        ) from error
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorpusError(f"{folder} holds no sound audformat database ({reason}).") from error
    return database


def _link_tables(folder: Path, place: Path) -> None:
    for table in folder.glob(f"{Path(HEADER).stem}.*"):
        if table.suffix in SUFFIXES:
            (place / table.name).symlink_to(table)


@contextmanager
def _without_deprecations() -> Iterator[None]:
    """What audformat 1.4 still asks of pandas is no matter for who reads a database."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The inplace keyword in DataFrame")
        yield


def column(database: Any, names: Sequence[str], combine: Callable[[Any], object]) -> Column:
    """The first of some schemes that has values; `combine` makes one of those of several raters.

    Raises:
        CorpusError: values of one name are of different kinds.

    """
    for name in names:
        try:
            with _without_deprecations():
                # The other strategy leaves out raters who agree with an earlier one.
                frame = database.get(name, aggregate_function=combine, aggregate_strategy="overlap")
        except (TypeError, ValueError) as error:
            raise CorpusError(
                f"The tables of {database.name} hold `{name}` in forms that do not go together: "
                "give it one scheme."
            ) from error
        if name in frame and len(found := frame[name].dropna()):
            return _by_file(found)
    return Column({}, frozenset())


def _by_file(found: Any) -> Column:
    """Values by file; of an index of segments, the entries that span a whole file are values too."""
    if found.index.nlevels == 1:
        return Column(dict(found.items()), frozenset())
    # A segment without an end reaches to that of the file; a missing end is unequal to itself.
    whole = {file: value for (file, start, end), value in found.items() if start.value == 0 and end != end}
    return Column(whole, frozenset(file for file, _, _ in found.index) - whole.keys())


def majority(values: Any) -> object:
    """What most raters said; nothing where no class has the most."""
    modes = values.mode()
    return modes.iloc[0] if len(modes) == 1 else None


def mean(values: Any) -> object:
    """The mean of the raters."""
    return values.mean()


def limits(database: Any, names: Sequence[str]) -> tuple[float, float] | None:
    """Minimum and maximum of the first of some schemes that has both, one below the other."""
    for name in names:
        scheme = database.schemes.get(name)
        if scheme is None or scheme.minimum is None or scheme.maximum is None:
            continue
        if scheme.minimum < scheme.maximum:
            return float(scheme.minimum), float(scheme.maximum)
    return None
