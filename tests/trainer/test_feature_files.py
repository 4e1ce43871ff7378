from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.trainer.feature_files import check_output, write_features
from cmlstream.trainer.ready_made import read_features
from cmlstream.trainer.table import FeatureTable
from tests.trainer.corpus import invented_table


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    whole = invented_table(speakers=4, takes=2)
    clips = [
        replace(found, path=Path(f"/corpus/{n}.wav"), speaker=f"{found.corpus}/{found.speaker}", valence=4.5)
        for n, found in enumerate(whole.clips)
    ]
    features_NF = whole.features_NF.copy()
    features_NF[2, 5] = nan
    return replace(whole, clips=tuple(clips), features_NF=features_NF)


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_table_reads_back_as_it_was(table: FeatureTable, tmp_path: Path, name: str) -> None:
    check_output(tmp_path / name)
    write_features(table, tmp_path / name, Path("/corpus"))
    found = read_features(tmp_path / name).table
    np.testing.assert_array_equal(found.features_NF, table.features_NF[table.whole_N])
    np.testing.assert_array_equal(found.speech_s_N, table.speech_s_N[table.whole_N])
    assert found.feature_names == table.feature_names
    assert [clip.path for clip in found.clips] == [Path(f"{n}.wav") for n in range(len(table.clips))]
    for one, other in zip(found.clips, table.clips, strict=True):
        assert np.isnan(one.activation)
        assert replace(one, path=other.path, activation=other.activation) == other
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_another_ending_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"table\.xlsx is neither a \.csv nor a \.parquet"):
        check_output(Path("table.xlsx"))


def test_a_place_that_cannot_be_written_is_named(table: FeatureTable) -> None:
    with pytest.raises(ConfigurationError, match=r"/proc/table\.csv cannot be written"):
        write_features(table, Path("/proc/table.csv"), Path())
