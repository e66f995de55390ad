"""A factor model checks itself, scales its directions to variance one, and survives its JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.copula import GAUSSIAN, Copula, parse_copula, read_copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput, NotFound
from crfs.risk.correlation import nearest_correlation

RAW: dict[str, Any] = {
    "factors": ["us", "eu"],
    "correlation": [[1, 0.5], [0.5, 1]],
    "groups": {"banks": {"us": 2, "eu": 1}},
    "copula": "gaussian",
}


def test_json_goes_in_and_out() -> None:
    model = FactorModel.from_json(json.dumps(RAW))
    assert model.copula is GAUSSIAN
    assert FactorModel.from_json(model.to_json()) == model
    assert json.loads(model.to_json()) == RAW


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-150, 1.0, 3.0, 1e308])
def test_the_scale_of_weights_means_nothing_though_their_squares_overflow(scale: float) -> None:
    groups = {"g": {"us": 0.5 * scale, "eu": 0.25 * scale}}
    model = FactorModel.from_json(json.dumps({**RAW, "groups": groups}))
    assert model.direction("g") == pytest.approx(FactorModel.from_json(json.dumps(RAW)).direction("banks"), rel=1e-15)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.floats(0.01, 100.0))
def test_directions_have_variance_one_and_the_root_squares_to_the_correlation(count: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal((count, count + 2))
    covariance = raw @ raw.T
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    np.fill_diagonal(correlation, 1.0)
    factors = tuple(f"f{k}" for k in range(count))
    weights = {name: float(scale * (1.0 + k)) for k, name in enumerate(factors)}
    model = FactorModel(
        factors=factors, correlation=tuple(tuple(row) for row in ((correlation + correlation.T) / 2).tolist()), groups={"g": weights}
    )
    assert model.variance(model.direction("g")) == pytest.approx(1.0)
    assert model.root() @ model.root().T == pytest.approx(correlation, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factors": []}, "at least one factor"),
        ({"factors": ["us", "us"]}, "names that differ"),
        ({"factors": "us"}, "list of names"),
        ({"correlation": [[1, 0.5]]}, "2 x 2"),
        ({"correlation": [[1, 0.5], [0.4, 1]]}, "not symmetric: us, eu"),
        ({"correlation": [[1, 0.5], [0.5, 0.9]]}, "ones on its diagonal"),
        ({"correlation": [[1, 1.5], [1.5, 1]]}, r"outside \[-1, 1\]"),
        ({"correlation": [[1, "x"], ["x", 1]]}, "row 1, column 2"),
        ({"correlation": [[1, float("nan")], [float("nan"), 1]]}, "finite"),
        ({"groups": {"banks": {"mars": 1}}}, "mars"),
        ({"groups": {"banks": {"us": 0}}}, "variance"),
        ({"groups": {"banks": {"us": True}}}, "not a number"),
        ({"groups": ["banks"]}, "object of objects"),
        ({"copula": "t:0.5"}, "degrees of freedom"),
        ({"copula": "t:many"}, "t:many"),
        ({"copula": 6}, "copula"),
        ({"copula": {"t": True}}, "no number"),
        ({"copula": {"t": int("9" * 400)}}, "too many digits"),
        ({"copula": {"t": 6, "groups": {"mars": 4}}}, "mars"),
        ({"copula": "clayton"}, "clayton"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_model_that_cannot_be_meant_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        FactorModel.from_json(json.dumps({**RAW, **change}))


NOT_A_NUMBER: list[Any] = ["1", None, True, [1.0], float("nan"), float("inf"), 10**400]
WRONG: dict[str, list[Any]] = {
    "factors": ["ab", None, 3, ("us", 2), ("us", None), {"us": 1}, (), ("us", ""), ("us", "\x00")],
    "correlation": [
        *(None, 1.0, "x", ("10", "01"), (1.0, 0.5), {}, [[1.0]], np.eye(3), np.ones(2)),
        *(((1.0, cell), (cell, 1.0)) for cell in NOT_A_NUMBER),
    ],
    "groups": [
        *(None, [1], "banks", {"banks": None}, {"banks": ["us"]}, {1: {"us": 1.0}}, {"banks": {1: 1.0}}, {"banks": {"mars": 1.0}}),
        *({"banks": {"us": weight}} for weight in (*NOT_A_NUMBER, 0.0)),
    ],
    "copula": [None, 6, "clayton", ["t:6"], {"t": "6"}],
}


@pytest.mark.parametrize(
    ("argument", "value"), [(argument, value) for argument, values in WRONG.items() for value in values], ids=lambda value: f"{value!r:.40}"
)
def test_an_argument_of_another_kind_is_refused_by_its_name(argument: str, value: Any) -> None:
    given = {"factors": ("us", "eu"), "correlation": ((1.0, 0.5), (0.5, 1.0)), "groups": {"banks": {"us": 1.0}}, argument: value}
    with pytest.raises(InvalidInput) as refused:
        FactorModel(**given)
    assert refused.value.argument == argument


@pytest.mark.parametrize("value", [None, 3, "x", ["factors"], RAW], ids=lambda value: f"{value!r:.20}")
def test_content_and_text_of_another_kind_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        FactorModel.from_json(value)
    if value is not RAW:
        with pytest.raises(InvalidInput):
            FactorModel.from_content(value)
    with pytest.raises(InvalidInput):
        FactorModel.one_factor("all", factor=value if value != "x" else "")
    with pytest.raises(NotFound):
        FactorModel.from_content(RAW).direction(value)


def test_lists_and_arrays_make_the_model_that_tuples_make() -> None:
    model = FactorModel(factors=["us", "eu"], correlation=np.array([[1.0, 0.5], [0.5, 1.0]], dtype=np.float32), groups={"g": {"us": np.int64(1)}})  # type: ignore[arg-type, dict-item]  # fmt: skip
    same = FactorModel(factors=("us", "eu"), correlation=((1.0, 0.5), (0.5, 1.0)), groups={"g": {"us": 1.0}})
    assert model == same
    assert hash(model) == hash(same)
    assert model.to_json() == same.to_json()


def test_an_indefinite_correlation_is_refused_with_its_distance() -> None:
    # eigenvalues of this one are 1.9, 1.9 and -0.8
    rows = ((1.0, -0.9, -0.9), (-0.9, 1.0, -0.9), (-0.9, -0.9, 1.0))
    with pytest.raises(InvalidInput, match=r"smallest eigenvalue is -0.8, and it is 0.8 \(Frobenius\)") as caught:
        FactorModel(factors=("a", "b", "c"), correlation=rows)
    # What to do next has names, and they are there.
    assert "crfs portfolio factor-model" in str(caught.value)
    assert "crfs.risk.correlation.nearest_correlation" in str(caught.value)
    nearest = nearest_correlation(rows)
    mended = FactorModel(factors=("a", "b", "c"), correlation=tuple(tuple(row) for row in nearest.matrix.tolist()))
    assert mended.variance(np.ones(3)) == pytest.approx(0.0, abs=1e-6)  # the nearest lies on the edge


def test_broken_json_and_unknown_groups() -> None:
    with pytest.raises(InvalidInput, match="not JSON"):
        FactorModel.from_json(b"\xff{")
    with pytest.raises(InvalidInput, match="no correlation"):
        FactorModel.from_json('{"factors": ["a"]}')
    with pytest.raises(NotFound, match="has banks"):
        FactorModel.from_json(json.dumps(RAW)).direction("retail")
    assert parse_copula(" Gaussian ") is GAUSSIAN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"factors": ["us", "\\ud800"], "correlation": [[1, 0], [0, 1]]}', r"factor 2, '\\ud800', has half of a surrogate pair"),
        ('{"factors": ["a\\u0000"], "correlation": [[1]]}', r"factor 1, 'a\\x00', has a NUL"),
        ('{"factors": ["a"], "correlation": [[1]], "groups": {"g": {"a": 1}, "\\udfff": {"a": 1}}}', r"group 2, '\\udfff', has half"),
        ('{"factors": ["a"], "correlation": [[1]], "groups": {"g": {"\\ud800": 1}}}', r"names the factor '\\ud800'"),
        ('{"factors": ["a"], "correlation": [[1]], "\\ud800": 1}', r"the factor model has '\\ud800'"),
        ('{"factors": ["a"], "correlation": [[1]], "groups": {"g": {"a": 1e400}}}', "group 'g', factor 'a': the number is not finite"),
        ('{"factors": ["a"], "correlation": [[1]], "groups": {"g": {"a": NaN}}}', "group 'g', factor 'a': the number is not finite"),
        (
            '{"factors": ["a"], "correlation": [[1' + "0" * 400 + "]]}",
            "correlation, row 1, column 1: the number is not finite, or too large",
        ),
        ('{"factors": ["a"], "correlation": [[1' + "0" * 5000 + "]]}", "not JSON"),
        ('{"factors": ["a"], "correlation": [[1]], "groups": {"all": {"a": 1}, "all": {"a": -1}}}', "'all' is there twice"),
        ("[" * 200_000, "not JSON"),
        ('{"a":' * 200_000, "not JSON"),
    ],
    ids=[
        "half a pair",
        "NUL",
        "group",
        "weight's factor",
        "key",
        "1e400",
        "NaN",
        "400 digits",
        "5000 digits",
        "a name twice",
        "deep list",
        "deep object",
    ],
)
def test_what_nobody_can_write_down_or_count_with_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        FactorModel.from_json(text)
    str(caught.value).encode()


def test_the_content_of_a_model_is_read_as_its_json_is() -> None:
    content = {**RAW, "factors": tuple(RAW["factors"]), "correlation": np.array(RAW["correlation"]).tolist()}
    assert FactorModel.from_content(content) == FactorModel.from_json(json.dumps(RAW))
    with pytest.raises(InvalidInput, match="group 1, 3, has no text"):
        FactorModel.from_content({**RAW, "groups": {3: {"us": 1.0}}})


@pytest.mark.parametrize("copula", ["gaussian", "t:6", {"t": 6.0, "groups": {"banks": 4.0}}])
def test_a_copula_may_be_given_as_its_json_has_it(copula: Any) -> None:
    model = FactorModel.from_json(json.dumps({**RAW, "copula": copula}))
    given = FactorModel(factors=model.factors, correlation=model.correlation, groups=model.groups, copula=copula)
    assert given == model
    assert given.copula == read_copula(copula)


@pytest.mark.parametrize("copula", ["t:0.5", "clayton", None, 6])
def test_what_is_no_copula_is_refused_at_once(copula: Any) -> None:
    with pytest.raises(InvalidInput, match="copula"):
        FactorModel(factors=("a",), correlation=((1.0,),), copula=copula)


@pytest.mark.parametrize("copula", ["gaussian", "t:6", {"t": 6.0, "groups": {"banks": 4.0}}, {"t": None, "groups": {"banks": 4.0}}])
def test_every_copula_comes_back_from_its_json(copula: Any) -> None:
    model = FactorModel.from_json(json.dumps({**RAW, "copula": copula}))
    assert FactorModel.from_json(model.to_json()) == model
    assert json.loads(model.to_json())["copula"] == copula


def test_groups_without_degrees_of_their_own_take_the_model_s() -> None:
    copula = Copula(nu=6.0, by_group=(("banks", 4.0),))
    assert (copula.of("banks"), copula.of("retail"), copula.of(None), copula.text) == (4.0, 6.0, 6.0, "grouped-t")
