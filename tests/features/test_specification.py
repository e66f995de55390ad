"""Feature specifications: read, written back, refused."""

from __future__ import annotations

import pytest

from crfs.bitemporal import Tenor
from crfs.errors import InvalidInput
from crfs.features import FeatureFactor, feature_factors, parse_feature_specification

TEXT = """
[[factor]]
mnemonic = "us.unemployment_rate"
lag = "P3M"
max_age = "P1Y"

[[factor]]
mnemonic = "us.unemployment_rate"

[[factor]]
mnemonic = "sector.default_rate"
entity = "sector"
"""


def test_a_specification_is_read_and_written_back() -> None:
    factors = parse_feature_specification(TEXT, where="spec.toml")
    assert factors == (
        FeatureFactor(mnemonic="us.unemployment_rate", lag=Tenor.parse("P3M"), max_age=Tenor.parse("P12M")),
        FeatureFactor(mnemonic="us.unemployment_rate"),
        FeatureFactor(mnemonic="sector.default_rate", entity="sector"),
    )
    assert [factor.column for factor in factors] == ["us.unemployment_rate@P3M", "us.unemployment_rate", "sector.default_rate"]
    assert feature_factors([factor.to_dict() for factor in factors]) == factors
    assert factors[1].to_dict() == {"mnemonic": "us.unemployment_rate"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[factor", "spec.toml: not TOML"),
        ("", r"has \[\[factor\]\] tables"),
        ('title = "x"\n[[factor]]\nmnemonic = "a.b"', "no key 'title'"),
        ('[[factor]]\nmnemonic = "a.b"\nlags = "P1M"', "unknown key 'lags'"),
        ('[[factor]]\nlag = "P1M"', "needs a mnemonic"),
        ("[[factor]]\nmnemonic = 3", "needs a mnemonic"),
        ('[[factor]]\nmnemonic = "a.b"\nlag = 3', "3 is no ISO 8601 duration"),
        ('[[factor]]\nmnemonic = "a.b"\nmax_age = "3 months"', "is no ISO 8601 duration"),
        ('[[factor]]\nmnemonic = "a.b"\nentity = 3', "entity names a column"),
        ('[[factor]]\nmnemonic = "a.b"\nlag = "P12M"\n[[factor]]\nmnemonic = "a.b"\nlag = "P1Y"', "a.b@P12M is asked for twice"),
        ('factor = "a.b"', r"has \[\[factor\]\] tables"),
        ('factor = ["a.b"]', r"has \[\[factor\]\] tables"),
    ],
)
def test_what_is_no_specification_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_feature_specification(text, where="spec.toml")
