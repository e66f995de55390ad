"""Settings: one frozen tree, read once from the environment (``CRFS_`` and ``__`` between the levels)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_serializer, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from crfs.errors import InvalidInput, Problem

HIDDEN = "***"
_PASSWORD = re.compile(r"^((?:[^:/?#@]+://)?+[^:@/?#]*:).*@", re.DOTALL)
_PASSWORD_IN_QUERY = re.compile(r"([?&][^=&#]*(?:pass|secret|token)[^=&#]*=)[^&#]+", re.IGNORECASE)


def without_password(url: str) -> str:
    """An address as it is shown: everything but the password, which may stand before the host or in the query.

    A password with an ``@`` or a ``/`` that nobody encoded is hidden too: all between the name and the last ``@`` is.

    >>> without_password("postgresql://crfs:s3cret@db.example:5432/crfs?sslmode=verify-full")
    'postgresql://crfs:***@db.example:5432/crfs?sslmode=verify-full'
    >>> without_password("redis://cache.example:6379/0")
    'redis://cache.example:6379/0'
    """
    return _PASSWORD_IN_QUERY.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1{HIDDEN}@", url))


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        """As it is shown; a log line or a traceback with local variables shows this."""
        for name, value in super().__repr_args__():
            yield name, without_password(value) if isinstance(value, str) and name in _URLS else value

    @field_serializer("url", "scheduler", "mirror", check_fields=False)
    def _shown(self, url: str | None) -> str | None:
        return None if url is None else without_password(url)


_URLS = ("url", "scheduler", "mirror")
"""Settings that may have a password inside; they are used whole and shown without it."""


class StoreSettings(_Group):
    """The store: a PostgreSQL URL; none means the embedded one."""

    url: str | None = None
    pool_size: int = Field(default=8, ge=1, le=200)


class RedisSettings(_Group):
    """The cache and wake-up channel: a Redis URL; none means the embedded Valkey."""

    url: str | None = None


class BrokerSettings(_Group):
    """Where job ids travel to workers; none means the Redis one."""

    url: str | None = None


class ComputeSettings(_Group):
    """Where heavy work runs: ``workers`` threads of this process (none means one a core), or a Dask ``scheduler``."""

    workers: int | None = Field(default=None, ge=1, le=1024)
    scheduler: str | None = None


class ScheduleSettings(_Group):
    """What is asked of providers by itself: ids of streams or patterns, with commas (``fred/*,treasury/par_yields``); none means nothing."""

    streams: str = ""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns, one by one."""
        return tuple(part.strip() for part in self.streams.split(",") if part.strip())


class SourceSettings(_Group):
    """What one provider needs: the user's key, who asks (``contact``), whether it may be asked at all (``enabled``; none means as its terms
    have it), and a gateway of the user's own that is asked instead (``mirror``), at most ``requests_per_second`` (none means as the provider
    is asked; only a gateway may be asked otherwise)."""

    api_key: SecretStr | None = None
    contact: str | None = None
    enabled: bool | None = None
    mirror: str | None = None
    requests_per_second: float | None = Field(default=None, gt=0, le=10_000)

    @field_validator("api_key")
    @classmethod
    def _one_word(cls, key: SecretStr | None) -> SecretStr | None:
        """Without what stands around it, as a file read whole ends in a line's end: a provider would not echo that, nor a header take it."""
        if key is None:
            return None
        text = key.get_secret_value().strip()
        if not text.isprintable() or any(map(str.isspace, text)):
            raise ValueError("a key is one word: without blanks, line ends and other characters inside that cannot be seen")
        return SecretStr(text)

    @field_validator("contact")
    @classmethod
    def _one_line(cls, text: str | None) -> str | None:
        if text is not None and not (text.isascii() and text.isprintable()):
            raise ValueError("a contact is one line of plain letters (ASCII), such as Example Bank jane@example.com")
        return text

    @field_validator("mirror")
    @classmethod
    def _address(cls, text: str | None) -> str | None:
        if text is not None and not _is_address(text, plain=True):
            raise ValueError("a mirror is an address like http://127.0.0.1:8080, without a query and without a password")
        return text

    @model_validator(mode="after")
    def _only_of_a_mirror(self) -> Self:
        if self.requests_per_second is not None and self.mirror is None:
            raise ValueError(
                "requests_per_second is how fast a gateway of your own may be asked: set mirror too; a provider's limits stand"
            )
        return self


def _is_address(text: str, *, plain: bool) -> bool:
    """Whether a text is an http or https address; a ``plain`` one has neither a query nor a password."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.port != 0
            and not (plain and (parts.query or parts.fragment or parts.username is not None))
        )
    except ValueError:
        return False


class Settings(BaseSettings):
    """Everything that can be set; ``crfs config check`` shows it and names variables that nothing claims."""

    model_config = SettingsConfigDict(env_prefix="CRFS_", env_nested_delimiter="__", frozen=True, extra="forbid", case_sensitive=False)

    store: StoreSettings = StoreSettings()
    redis: RedisSettings = RedisSettings()
    broker: BrokerSettings = BrokerSettings()
    compute: ComputeSettings = ComputeSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    sources: dict[str, SourceSettings] = {}
    data_dir: Path | None = None
    actor: str | None = None
    proxy: SecretStr | None = None

    @field_validator("proxy")
    @classmethod
    def _way_out(cls, address: SecretStr | None) -> SecretStr | None:
        if address is not None and not _is_address(address.get_secret_value(), plain=False):
            raise ValueError("a proxy is an address like http://proxy.example:3128")
        return address

    def source(self, name: str) -> SourceSettings:
        """What is set for a provider; nothing, where nothing is."""
        return self.sources.get(name, SourceSettings())

    def api_key(self, source: str) -> str | None:
        """The key for a provider, if one is set (``CRFS_SOURCES__FRED__API_KEY``)."""
        key = self.source(source).api_key
        return key.get_secret_value() if key is not None else None

    @property
    def actor_name(self) -> str:
        """Who is acting: ``CRFS_ACTOR``, else the name of the operating system's user."""
        if self.actor:
            return self.actor
        import getpass

        try:
            return getpass.getuser()
        except OSError:
            return f"uid-{os.getuid()}"


def load_settings() -> Settings:
    """Read the environment; a value that cannot be read is an error that names its variable."""
    try:
        return Settings()
    except ValidationError as error:
        problems = tuple(
            Problem(row=None, column="CRFS_" + "__".join(str(part).upper() for part in item["loc"]), reason="setting", detail=item["msg"])
            for item in error.errors(include_url=False, include_input=False)
        )
        raise InvalidInput("; ".join(f"{problem.column}: {problem.detail}" for problem in problems), problems=problems) from None
    except SettingsError as error:  # a group was given a value of its own, as if it were a setting
        name = "CRFS_" + _quoted_field(str(error)).upper()
        raise InvalidInput(f"settings: {name} is a group of settings; write {name}__… (crfs config check lists them)") from None


def _quoted_field(message: str) -> str:
    found = re.search(r'field "(\w+)"', message)
    return found.group(1) if found else "…"


def unclaimed_variables(environment: Mapping[str, str] | None = None, *, sources: Collection[str] | None = None) -> list[str]:
    """``CRFS_*`` variables that no setting claims: misspelt ones, mostly. ``sources`` are the names that a source may have (None: any)."""
    names = [name for name in (os.environ if environment is None else environment) if name.upper().startswith("CRFS_")]
    return sorted(name for name in names if not _claimed(name.upper().removeprefix("CRFS_").lower().split("__"), sources))


def _claimed(path: list[str], sources: Collection[str] | None) -> bool:
    if path in (["shared"],):
        return True
    field = Settings.model_fields.get(path[0])
    if field is None:
        return False
    if path[0] == "sources":
        return len(path) == 3 and path[2] in SourceSettings.model_fields and (sources is None or path[1] in sources)
    group = field.annotation
    if isinstance(group, type) and issubclass(group, BaseModel):
        return len(path) == 2 and path[1] in group.model_fields
    return len(path) == 1
