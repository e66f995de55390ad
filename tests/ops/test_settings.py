"""Settings: read from the environment alone, frozen, secrets unseen, and every misspelling named."""

from __future__ import annotations

import getpass
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from crfs.errors import InvalidInput
from crfs.ops.settings import Settings, load_settings, unclaimed_variables
from crfs.workflows.configuration import check_configuration


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.upper().startswith("CRFS_")]:
        monkeypatch.delenv(name)


def test_with_nothing_set_everything_is_the_embedded_one() -> None:
    settings = load_settings()
    assert (settings.store.url, settings.redis.url, settings.broker.url, settings.compute.scheduler) == (None, None, None, None)
    assert settings.data_dir is None
    assert settings.api_key("fred") is None
    assert settings.actor_name == getpass.getuser()


def test_variables_reach_their_place_in_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CRFS_STORE__URL": "postgresql://me@host/crfs",
        "CRFS_STORE__POOL_SIZE": "3",
        "CRFS_REDIS__URL": "redis://host",
        "CRFS_COMPUTE__WORKERS": "2",
        "CRFS_DATA_DIR": "/data with space",
        "CRFS_ACTOR": "anna",
        "CRFS_SOURCES__FRED__API_KEY": "secret-key",
        "CRFS_SOURCES__ALPHA_VANTAGE__API_KEY": "other",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.store.url, settings.store.pool_size, settings.redis.url) == ("postgresql://me@host/crfs", 3, "redis://host")
    assert (settings.compute.workers, settings.data_dir, settings.actor_name) == (2, Path("/data with space"), "anna")
    assert (settings.api_key("fred"), settings.api_key("alpha_vantage"), settings.api_key("bls")) == ("secret-key", "other", None)
    assert "secret-key" not in repr(settings)
    assert "secret-key" not in settings.model_dump_json()
    assert unclaimed_variables() == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://crfs:s3cret@db.example:5432/crfs?sslmode=require", "postgresql://crfs:***@db.example:5432/crfs?sslmode=require"),
        ("postgresql://crfs:s3cr/et@or@not@db/crfs", "postgresql://crfs:***@db/crfs"),
        ("postgresql://crfs@db/crfs?password=s3cret&sslpassword=s3cret#x", "postgresql://crfs@db/crfs?password=***&sslpassword=***#x"),
        ("redis://:s3cret@cache.example/0", "redis://:***@cache.example/0"),
        ("amqp://me:s3cret%40@[::1]:5672//", "amqp://me:***@[::1]:5672//"),
        ("crfs:s3cret@db", "crfs:***@db"),
        ("postgresql:///crfs?host=/run/postgresql", "postgresql:///crfs?host=/run/postgresql"),
        ("postgresql://me@host:5432/crfs", "postgresql://me@host:5432/crfs"),
        ("redis://host:6379/0", "redis://host:6379/0"),
    ],
)
def test_a_password_in_an_address_is_used_and_never_shown(monkeypatch: pytest.MonkeyPatch, url: str, shown: str) -> None:
    for name in ("STORE__URL", "REDIS__URL", "BROKER__URL", "COMPUTE__SCHEDULER"):
        monkeypatch.setenv(f"CRFS_{name}", url)
    settings = load_settings()
    assert settings.store.url == settings.redis.url == settings.broker.url == settings.compute.scheduler == url
    said = [
        repr(settings),
        str(settings),
        repr(settings.store),
        repr([settings.redis]),
        settings.model_dump_json(),
        str(settings.model_dump()),
    ]
    said.append(str(check_configuration()))
    for text in said:
        assert "s3cr" not in text
        assert shown in text


def test_what_is_set_for_a_provider_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CRFS_SOURCES__EDGAR__CONTACT": "Example Bank jane@example.com",
        "CRFS_SOURCES__YAHOO__ENABLED": "true",
        "CRFS_SOURCES__FRED__ENABLED": "false",
        "CRFS_SOURCES__FRED__MIRROR": "http://127.0.0.1:8080/fred",
        "CRFS_PROXY": "http://bob:secret-word@proxy.example:3128",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.source("edgar").contact == "Example Bank jane@example.com"
    assert (settings.source("yahoo").enabled, settings.source("fred").enabled, settings.source("bls").enabled) == (True, False, None)
    assert (settings.source("fred").mirror, settings.source("bls").mirror) == ("http://127.0.0.1:8080/fred", None)
    assert settings.proxy is not None
    assert settings.proxy.get_secret_value() == "http://bob:secret-word@proxy.example:3128"
    assert "secret-word" not in settings.model_dump_json() + repr(settings)
    assert unclaimed_variables() == []


def test_settings_do_not_change_once_read() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.actor = "other"
    with pytest.raises(ValidationError, match="frozen"):
        settings.store.url = "other"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRFS_STORE__POOL_SIZE", "many"),
        ("CRFS_STORE__POOL_SIZE", "0"),
        ("CRFS_COMPUTE__WORKERS", "-1"),
        ("CRFS_STORE__UNKNOWN", "1"),
        ("CRFS_SOURCES__FRED__KEY", "1"),
        ("CRFS_SOURCES__YAHOO__ENABLED", "perhaps"),
        ("CRFS_SOURCES__FRED__MIRROR", "gateway:8080"),
        ("CRFS_SOURCES__FRED__MIRROR", "http://me:pw@gateway"),
        ("CRFS_SOURCES__FRED__MIRROR", "http://gateway/?x=1"),
        ("CRFS_SOURCES__EDGAR__CONTACT", "Bank\nX-Evil: 1"),
        ("CRFS_PROXY", "proxy:3128"),
    ],
)
def test_a_value_that_cannot_be_read_is_an_error_that_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput, match=name) as raised:
        load_settings()
    assert [problem.column for problem in raised.value.problems] == [name]
    assert str(raised.value).startswith(f"{name}: ")


def test_every_wrong_value_is_named_with_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRFS_COMPUTE__WORKERS", "-1")
    monkeypatch.setenv("CRFS_STORE__POOL_SIZE", "0")
    with pytest.raises(InvalidInput) as raised:
        load_settings()
    wanted = "Input should be greater than or equal to 1"
    assert str(raised.value) == f"CRFS_STORE__POOL_SIZE: {wanted}; CRFS_COMPUTE__WORKERS: {wanted}"


def test_an_error_never_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRFS_SOURCES__FRED__API_KEY", "secret-key")
    monkeypatch.setenv("CRFS_SOURCES__FRED__KEY", "secret-too")
    with pytest.raises(InvalidInput) as raised:
        load_settings()
    assert "secret" not in str(raised.value)


def test_a_group_that_is_no_group_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CRFS_STORE", "CRFS_SOURCES"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "postgresql://me@host/crfs")
            with pytest.raises(InvalidInput, match=name):
                load_settings()


def test_variables_that_no_setting_claims_are_named() -> None:
    environment = dict.fromkeys(
        [
            "CRFS_STORE__URL", "crfs_redis__url", "CRFS_DATA_DIR", "CRFS_SHARED", "CRFS_SOURCES__FRED__API_KEY", "PATH", "CRFSX",
            "CRFS_STOR__URL", "CRFS_STORE_URL", "CRFS_STORE__URI", "CRFS_STORE", "CRFS_DATA_DIR__X", "CRFS_SOURCES__FRED", "CRFS_FRED_API_KEY",
        ],
        "x",
    )  # fmt: skip
    assert unclaimed_variables(environment) == sorted(
        ["CRFS_STOR__URL", "CRFS_STORE_URL", "CRFS_STORE__URI", "CRFS_STORE", "CRFS_DATA_DIR__X", "CRFS_SOURCES__FRED", "CRFS_FRED_API_KEY"]
    )


def test_a_variable_of_a_source_that_does_not_exist_is_named() -> None:
    environment = dict.fromkeys(["CRFS_SOURCES__FRED__API_KEY", "CRFS_SOURCES__FREDD__API_KEY", "CRFS_SOURCES__FRED__ENABELD"], "x")
    assert unclaimed_variables(environment, sources=("fred",)) == ["CRFS_SOURCES__FREDD__API_KEY", "CRFS_SOURCES__FRED__ENABELD"]


def test_the_tree_is_what_the_documented_variables_say() -> None:
    documented = {"store", "redis", "broker", "compute", "sources", "data_dir", "actor", "proxy"}
    assert documented <= set(Settings.model_fields)


def test_a_speed_of_its_own_is_only_a_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRFS_SOURCES__FRED__REQUESTS_PER_SECOND", "50")
    with pytest.raises(InvalidInput, match=r"CRFS_SOURCES__FRED: .*set mirror too"):
        load_settings()
    monkeypatch.setenv("CRFS_SOURCES__FRED__MIRROR", "http://127.0.0.1:8080")
    assert load_settings().source("fred").requests_per_second == 50
    for wrong in ("0", "-1", "fast"):
        monkeypatch.setenv("CRFS_SOURCES__FRED__REQUESTS_PER_SECOND", wrong)
        with pytest.raises(InvalidInput, match="REQUESTS_PER_SECOND"):
            load_settings()


@pytest.mark.parametrize("key", ["word0123\n", "\r\n word0123\t", "word0123"])
def test_what_stands_around_a_key_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("CRFS_SOURCES__FRED__API_KEY", key)
    assert load_settings().api_key("fred") == "word0123"


@pytest.mark.parametrize("key", ["word\n0123", "word 0123", "word\t0123", "word\x1b0123", "word\u20280123", "word\u00a00123"])
def test_a_key_of_several_words_is_refused_and_not_told(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("CRFS_SOURCES__FRED__API_KEY", key)
    with pytest.raises(InvalidInput, match=r"CRFS_SOURCES__FRED__API_KEY: .*a key is one word") as caught:
        load_settings()
    assert not any(part in "".join(traceback.format_exception(caught.value)) for part in ("word0", "0123"))
