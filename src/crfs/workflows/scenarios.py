"""Scenarios by name: those that were defined in the store, the Federal Reserve's that were brought, those that ship with crfs, and files.

A run names its scenario by a reference that its specification keeps. What the reference means is found at the run's batch, so a scenario
that is defined anew changes nothing of an earlier run; files, that of the shipped scenarios too, are kept as payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound
from crfs.workflows.book_runs import Asked, Attachment
from crfs.workflows.macro_history import (
    age_notes,
    is_history,
    last_known,
    last_quarters,
    leans_on_last_known,
    macro_history,
    newest_quarters,
    passed_over,
    supervisory_quarters,
    supervisory_tables,
    variables_of,
)
from crfs.workflows.packaged import packaged_scenarios
from crfs.workflows.session import Session

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.scenarios import Scenario, ScenarioSeverity
    from crfs.store.scan import StoreReader

DATASET = "scenario_file"
SOURCE = "scenario"
PACKAGED_FILE = "us.toml"
_NONE_PACKAGED = "[[scenario]]\nname = '-'\n"
"""Stands for the packaged scenarios in a run that took none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a scenario is asked for by: its reference, as a specification keeps it, and the file that came with it."""

    reference: Mapping[str, Any]
    attachment: Attachment | None = None


@dataclass(kw_only=True)
class Resolver:
    """Finds scenarios as a store had them at the reader's batch, with what was known of macro history by ``known_by``.

    ``landed`` gives the bytes of a file by its hash; ``packaged`` is the text of the scenarios that ship with crfs. ``touched`` says
    afterwards whether one of them was needed, ``sets`` which sets of supervisory scenarios were, ``notes`` what a reader must know of what
    scenarios start from. ``defining`` are the hashes of a file by the names that are about to mean it, in place of what they mean in the store;
    ``making`` are the names that are being made, each for the one before.
    """

    reader: StoreReader
    landed: Callable[[str], bytes]
    known_by: datetime
    packaged: str
    touched: bool = False
    sets: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    defining: Mapping[str, str] = field(default_factory=dict)
    making: list[str] = field(default_factory=list)
    _made: dict[tuple[str, str | None], tuple[Scenario, list[str]]] = field(default_factory=dict, init=False, repr=False)
    """Scenarios by their names and the set that was the last one needed before (variables of no set are taken from it), and the sets they need."""

    def resolve(self, reference: Mapping[str, Any]) -> Scenario:
        """The scenario of a reference: ``{"name": …}``, with the ``sha256`` of the file that has it where it came in one."""
        name, sha256 = str(reference["name"]), reference.get("sha256")
        if sha256 is None:
            return self.named(name)
        return self._of_text(_decoded(self.landed(sha256), "the scenario file"), name, where="the scenario file")

    def resolve_possible(self, reference: Mapping[str, Any]) -> Scenario:
        """The same where it is asked for or kept from now on: values that their variables cannot have are refused with their places."""
        from crfs.credit.scenarios import require_possible

        scenario = self.resolve(reference)
        require_possible(scenario, self.reader.catalogue.factors)
        return scenario

    def named(self, name: str) -> Scenario:
        """The scenario of a name: one that was defined, else a supervisory one, else one that ships with crfs.

        One that is made of itself, by way of other files, is :class:`~crfs.errors.InvalidInput` with the names on the way round.
        """
        if name in self.making:
            chain = " -> ".join([*self.making[self.making.index(name) :], name])
            raise InvalidInput(f"scenario {name} is made of itself: {chain}; define one of them of something else", argument="scenario")
        before = len(self.sets)
        key = name, self.sets[-1] if before else None
        if key in self._made:
            made, sets = self._made[key]
            self.sets += sets
            return made
        self.making.append(name)
        try:
            made = self._named(name)
        finally:
            self.making.pop()
        # Each set once, where it was needed last: what is made of many others, over and over of the same, has no longer a list than they.
        self.sets[before:] = sets = list(dict.fromkeys(reversed(self.sets[before:])))[::-1]
        self._made[key] = made, sets
        return made

    def _named(self, name: str) -> Scenario:
        sha256 = self.defining.get(name) or self._defined([name]).get(name)
        if sha256 is not None:
            where = "the scenario file" if name in self.defining else f"the file that defined {name}"
            return self._of_text(_decoded(self.landed(sha256), name), name, where=where)
        if name in self.supervisory:
            self.sets.append(name.split("/", maxsplit=1)[0])
            return self.supervisory[name]
        if name in table_names(self.packaged, "the packaged scenarios"):
            self.touched = True
            return self._of_text(self.packaged, name, where="the packaged scenarios")
        raise NotFound(f"no scenario is called {name!r}; crfs scenarios list shows the names")

    def baseline_of(self, reference: Mapping[str, Any]) -> dict[str, Any] | None:
        """The scenario that a stress is compared with if nobody says another: the nearest baseline that it was made of, or its set's own.

        None where there is none: then the last known values go on.
        """
        return next(iter(self.baselines_of(reference)), None)

    def baselines_of(self, reference: Mapping[str, Any], *, itself: bool = False) -> list[dict[str, Any]]:
        """References of the baselines that a scenario was made of, the nearest first: its base, what it was scaled about and what it combines,
        and then what these were made of, in this order. One of a supervisory set was made of its set's baseline.

        A baseline says so itself, or says nothing and is the last known values without any step: steps lead away from what they are taken from.
        With ``itself`` a scenario that is a baseline is the first of them.
        """
        first = self._placed(str(reference["name"]), reference.get("sha256"))
        waiting, seen, found = [first], [first], []
        while waiting:
            one = waiting.pop(0)
            baseline, parts = self._made_of(one["name"], one.get("sha256"))
            if baseline and (itself or one is not first):
                found.append(one)
            new = [part for part in parts if part not in seen]
            seen += new
            waiting += new
        return found

    def _placed(self, name: str, sha256: str | None) -> dict[str, Any]:
        """A reference that says in which file a scenario is, where it is in one."""
        found = sha256 or self.defined.get(name)
        return {"name": name} if found is None else {"name": name, "sha256": found}

    def _made_of(self, name: str, sha256: str | None) -> tuple[bool, list[dict[str, Any]]]:
        """Whether a scenario says that it is a baseline, and what it is made of."""
        if sha256 is None and name in self.supervisory:
            own = f"{name.split('/', maxsplit=1)[0]}/baseline"
            return name == own, [{"name": own}] if own in self.supervisory and own != name else []
        tables = _tables(self.packaged if sha256 is None else _decoded(self.landed(sha256), name), name)
        table = tables[name]
        still = "hold" in table and not table.get("step")
        baseline = table.get("severity", "baseline" if still else None) == "baseline"
        return baseline, [self._placed(other, sha256 if other in tables else None) for other in dict.fromkeys(_mentioned(table))]

    @cached_property
    def defined(self) -> Mapping[str, str]:
        """The hash of the file that each defined scenario is in."""
        return self._defined(None)

    def _defined(self, names: Sequence[str] | None) -> dict[str, str]:
        """The same of some names. What is read is what the answer rests on, so a run asks of none but its own."""
        import polars as pl

        from crfs.bitemporal.resolve import as_of

        if DATASET not in self.reader.catalogue.datasets:
            return {}
        rows = as_of(self.reader.rows(DATASET, columns=["sha256"], entities=names)).filter(pl.col("row_state").cast(pl.String) == "value")
        newest = rows.sort("entity", "valid_time").unique("entity", keep="last", maintain_order=True)
        return dict(newest.select("entity", "sha256").iter_rows())

    @cached_property
    def supervisory(self) -> Mapping[str, Scenario]:
        """The Federal Reserve's scenarios that the store has, by ``set/name``."""
        from crfs.credit.scenarios import supervisory_scenarios

        tables = supervisory_tables(self.reader, known_by=self.known_by)
        return {one.name: one for one in supervisory_scenarios(tables, self.reader.catalogue)} if tables else {}

    def severity_of(self, name: str, *, below: frozenset[str] = frozenset()) -> ScenarioSeverity:
        """How bad the scenario of a name is, as its file and those that it is made of say it; no history is read.

        ``below`` are the names that are being looked at already: two files whose scenarios came to be made of each other have no end.
        """
        from crfs.credit.scenarios import ScenarioSeverity, severity_of_table

        sha256 = self.defined.get(name)
        if sha256 is None and name in self.supervisory:
            return self.supervisory[name].severity
        tables = _tables(self.packaged if sha256 is None else _decoded(self.landed(sha256), name), name)
        looked_at = below | {name}

        def of(other: str) -> ScenarioSeverity:
            if other in tables:
                return severity_of_table(tables[other], of)
            return ScenarioSeverity.ADVERSE if other in looked_at else self.severity_of(other, below=looked_at)

        return of(name)

    def _of_text(self, text: str, name: str, *, where: str) -> Scenario:
        from crfs.credit.scenarios import parse_scenarios

        tables = _tables(text, where)
        if name not in tables:
            raise NotFound(f"{where} has no scenario {name!r}; it has {', '.join(tables)}")
        needed, outside = _closure(tables, name)
        wanted = variables_of(tables[one] for one in needed)
        history = self._history(wanted)
        today, start = last_known(history)
        if start is not None:
            leaning = variables_of(tables[one] for one in needed if leans_on_last_known(tables[one]))
            last = {name: day for name, day in last_quarters(history, start).items() if name in leaning}
            aged = age_notes(self.reader, last, known_by=self.known_by, newest=newest_quarters(history))
            self.notes += [note for note in aged if note not in self.notes]
        others = {one: self.named(one) for one in sorted(outside)}
        try:
            found = parse_scenarios(text, where=where, known=others, history=history, today=today, start=start, only=needed)
        except InvalidInput as error:
            # What is wrong lies within the text, whose keys and values are no arguments of whoever asks.
            raise InvalidInput(str(error), argument="scenario") from None
        return next(one for one in found if one.name == name)

    def _history(self, wanted: set[str]) -> pl.DataFrame:
        import polars as pl

        own = {name for name in wanted if is_history(self.reader, name)}
        history = macro_history(self.reader, own, known_by=self.known_by)
        others = sorted(name for name in wanted - own if name.split(".")[1:2] == ["scenario"])
        if others:
            told = supervisory_quarters(self.reader, self.sets[-1] if self.sets else None, known_by=self.known_by)
            history = pl.concat([history, told.filter(pl.col("variable").is_in(others)).select(history.columns)])
        return history


def resolver(session: Session, *, batch_id: int, known_by: datetime | None = None) -> Resolver:
    """A resolver on the store as it was at a batch; what was recorded by then is known, if nobody says another time."""
    at = known_by or session.pin(batch_id).recorded_at
    return Resolver(reader=session.reader(batch_id), landed=session.landed, known_by=at, packaged=packaged_scenarios())


def resolver_of(asked: Asked) -> Resolver:
    """The resolver of a run: at its batch, by what it names as known, with the packaged scenarios that it kept."""
    sha256 = asked.option("packaged")
    return Resolver(
        reader=asked.reader,
        landed=asked.landed,
        known_by=asked.at or asked.session.pin(asked.reader.batch_id).recorded_at,
        packaged=asked.landed(sha256).decode() if sha256 else _NONE_PACKAGED,
    )


def find_scenario(given: str | Path) -> Named:
    """The scenario of a name, of ``FILE.toml`` (which has one), or of ``FILE.toml#NAME``; whether a name is there, the store says."""
    text = str(given)
    place, _, wanted = text.partition("#")
    file = Path(place)
    if file.suffix != ".toml" and not file.is_file():
        return Named(reference={"name": text})
    try:
        body = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", argument="scenario") from None
    return scenario_of_bytes(body, file_name=file.name, name=wanted or None)


def scenario_of_bytes(body: bytes, *, file_name: str, name: str | None = None) -> Named:
    """The scenario of a file that came with the question; one with several needs the ``name`` of the one that is meant."""
    tables = table_names(_decoded(body, file_name), file_name)
    if name is None and len(tables) > 1:
        raise InvalidInput(f"{file_name} has {', '.join(tables)}: say which, as {file_name}#{tables[0]}", argument="scenario")
    chosen = name or tables[0]
    if chosen not in tables:
        raise NotFound(f"{file_name} has no scenario {chosen!r}; it has {', '.join(tables)}", argument="scenario")
    attachment = Attachment(body=body, file_name=file_name, source=SOURCE)
    return Named(reference={"name": chosen, "sha256": attachment.sha256}, attachment=attachment)


def packaged_attachment() -> Attachment:
    """The file of the scenarios that ship with crfs, to be kept with a run that takes one of them."""
    return Attachment(body=packaged_scenarios().encode(), file_name=PACKAGED_FILE, source=SOURCE)


def list_scenarios(session: Session) -> list[dict[str, Any]]:
    """Scenarios by name: ``origin`` (defined, supervisory, packaged), ``severity``, ``source`` and ``notes``; a name in the first counts."""
    found = resolver(session, batch_id=session.pin().batch_id)
    listed: dict[str, dict[str, Any]] = {}
    for name, sha256 in sorted(found.defined.items()):
        listed[name] = _about(_tables(_decoded(session.landed(sha256), name), name)[name], "defined", found.severity_of(name))
    for name, scenario in found.supervisory.items():
        about = {"severity": scenario.severity.value, "source": scenario.source, "notes": scenario.notes}
        listed.setdefault(name, {"scenario": name, "origin": "supervisory", **about})
    for name, table in _tables(found.packaged, "the packaged scenarios").items():
        if name not in listed:
            listed[name] = _about(table, "packaged", found.severity_of(name))
    return list(listed.values())


def show_scenario(
    session: Session, given: str | Path, *, as_of: str | date | None = None, recorded_as_of: str | date | int | None = None
) -> dict[str, Any]:
    """A scenario with its paths, as it is known: of a name, of ``FILE.toml`` or of ``FILE.toml#NAME``."""
    named = find_scenario(given)
    attached = [] if named.attachment is None else [named.attachment]
    return show_named(session, named.reference, attached=attached, as_of=as_of, recorded_as_of=recorded_as_of)


def show_named(
    session: Session,
    reference: Mapping[str, Any],
    *,
    attached: Sequence[Attachment] = (),
    as_of: str | date | None = None,
    recorded_as_of: str | date | int | None = None,
) -> dict[str, Any]:
    """The same of a reference; no file of this machine is ever looked for."""
    from crfs.workflows.observations import recorded_state
    from crfs.workflows.times import parse_question, refuse_ahead

    pin = session.pin(recorded_state(recorded_as_of))
    at = None if as_of is None else parse_question(as_of, what="as_of")
    if at is not None:
        refuse_ahead(at, now=session.latest(pin), what="as_of")
    found = resolver(session, batch_id=pin.batch_id, known_by=at)
    found.landed = with_attached(session.landed, attached)
    scenario = found.resolve(reference)
    own = [name for name in scenario.variables if is_history(found.reader, name)]
    early = passed_over(macro_history(found.reader, own, known_by=found.known_by), scenario.start)
    return {
        **scenario.to_dict(),
        "digest": scenario.digest,
        "periods": scenario.periods,
        "times": [day.isoformat() for day in scenario.times],
        "warnings": [*found.notes, *early],
        "as_of": found.known_by.isoformat(),
        "recorded_as_of": pin.recorded_at.isoformat(),
        "batch_id": pin.batch_id,
    }


def define_scenarios(session: Session, file: Path) -> dict[str, Any]:
    """Keep the scenarios of a TOML file under their names, beside what the names meant before."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    return define_scenario_bytes(session, body, file_name=file.name)


def define_scenario_bytes(session: Session, body: bytes, *, file_name: str) -> dict[str, Any]:
    """The same of the bytes of a file. Every scenario is made once, so that one which cannot be is refused before anything is kept: one that
    would be made of itself too, by way of scenarios that were defined before."""
    import polars as pl

    from crfs.credit.scenarios import require_name
    from crfs.store.append import Delivery, append
    from crfs.store.publication import BatchKind, BatchNote
    from crfs.workflows.books import land_file

    names = table_names(_decoded(body, file_name), file_name)
    for name in names:
        require_name(name)
    attachment = Attachment(body=body, file_name=file_name, source=SOURCE)
    found = resolver(session, batch_id=session.pin().batch_id)
    found.landed = with_attached(session.landed, [attachment])
    found.defining = dict.fromkeys(names, attachment.sha256)
    made = [found.resolve_possible({"name": name}) for name in names]
    land_file(session, body, Path(file_name), source=SOURCE)
    now = session.clock.now()
    rows = pl.DataFrame(
        {
            "entity": names,
            "valid_time": [now] * len(names),
            "knowledge_time": [now] * len(names),
            "knowledge_basis": ["observed"] * len(names),
            "row_state": ["value"] * len(names),
            "sha256": [attachment.sha256] * len(names),
            "file_name": [file_name] * len(names),
        },
        schema_overrides={"valid_time": pl.Datetime("us", "UTC"), "knowledge_time": pl.Datetime("us", "UTC")},
    )
    note = BatchNote(kind=BatchKind.INGEST, at=now, source=f"scenario:{file_name}", parser_version="1", payloads=[attachment.sha256])
    receipt = append(session.database, [Delivery(definition=session.catalogue().dataset(DATASET), rows=rows)], note)
    return {
        "scenarios": [{"scenario": one.name, "severity": one.severity.value, "digest": one.digest} for one in made],
        "sha256": attachment.sha256,
        "batch_id": receipt.batch_id,
    }


def with_attached(landed: Callable[[str], bytes], attachments: Sequence[Attachment]) -> Callable[[str], bytes]:
    """The bytes of files by their hash, those that are not landed yet among them."""
    at_hand = {one.sha256: one.body for one in attachments}
    return lambda sha256: at_hand[sha256] if sha256 in at_hand else landed(sha256)


def table_names(text: str, where: str) -> list[str]:
    """The names of the scenarios in a file."""
    return list(_tables(text, where))


def _tables(text: str, where: str) -> dict[str, Mapping[str, Any]]:
    from crfs.credit.reading import called
    from crfs.credit.scenarios import scenario_tables

    found: dict[str, Mapping[str, Any]] = {}
    for item in scenario_tables(text, where=where):
        what = called("scenario", item, "name")
        name = item.get("name")
        if not isinstance(name, str) or not name.strip():
            raise InvalidInput(f"{where}: {what}: it needs a name")
        if name in found:
            raise InvalidInput(f"{where}: {what}: the file has another scenario of this name")
        found[name] = item
    return found


def _closure(tables: Mapping[str, Mapping[str, Any]], name: str) -> tuple[set[str], set[str]]:
    """The names in a file that a scenario is made of, itself among them, and those outside of it."""
    needed: set[str] = set()
    outside: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in needed or one in outside:
            continue
        if one not in tables:
            outside.add(one)
            continue
        needed.add(one)
        waiting += _mentioned(tables[one])
    return needed, outside


def _mentioned(table: Mapping[str, Any]) -> list[str]:
    steps = table.get("step")
    abouts = [step.get("about") for step in steps if isinstance(step, Mapping)] if isinstance(steps, list) else []
    combined = table.get("combine")
    names = [table.get("base"), *abouts, *(combined if isinstance(combined, Mapping) else ())]
    return [name for name in names if isinstance(name, str)]


def _about(table: Mapping[str, Any], origin: str, severity: ScenarioSeverity) -> dict[str, Any]:
    return {
        "scenario": table["name"],
        "origin": origin,
        "severity": severity.value,
        "source": table.get("source", ""),
        "notes": table.get("notes", ""),
    }


def _decoded(body: bytes, what: str) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{what} is not UTF-8 text", argument="scenario") from None
