from cmlstream.models.egemaps.names import FEATURE_NAMES, LLD_NAMES


def test_counts_and_uniqueness():
    assert len(LLD_NAMES) == len(set(LLD_NAMES)) == 25
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 88


def test_places():
    assert LLD_NAMES[10] == "F0semitoneFrom27.5Hz_sma3nz"
    assert LLD_NAMES[16:19] == ("F1frequency_sma3nz", "F1bandwidth_sma3nz", "F1amplitudeLogRelF0_sma3nz")
    assert FEATURE_NAMES[0] == "F0semitoneFrom27.5Hz_sma3nz_amean"
    assert FEATURE_NAMES[57] == "F3amplitudeLogRelF0_sma3nz_stddevNorm"
    assert FEATURE_NAMES[62] == "slopeV0-500_sma3nz_amean"
    assert FEATURE_NAMES[80] == "spectralFluxUV_sma3nz_amean"
    assert FEATURE_NAMES[87] == "equivalentSoundLevel_dBp"
