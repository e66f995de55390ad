"""The environment of a computation: what must be the same for a replay to give the same bytes."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.resources import files
from typing import Any

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9._-]+)")


@cache
def _environment() -> str:
    packages = dict(sorted(_closure("crfs").items()))
    return json.dumps(
        {
            "code": _code_digest(),
            "constraints": hashlib.sha256(json.dumps(packages, sort_keys=True).encode()).hexdigest(),
            "packages": packages,
            "processor": _processor(),
            "python": platform.python_version(),
        }
    )


def environment() -> dict[str, Any]:
    """Digest of the code, versions of what it rests on, processor family and Python of this process.

    Numeric kernels run on one thread each and results do not depend on the number of workers, so neither is part of it.
    """
    result: dict[str, Any] = json.loads(_environment())
    return result


def environment_digest(description: Mapping[str, Any]) -> str:
    """SHA-256 of an environment's description."""
    return hashlib.sha256(json.dumps(description, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two environments, a sentence each; empty where they are the same."""
    told = [f"{name}: {then.get(name)} then, {now.get(name)} now" for name in ("python", "processor") if then.get(name) != now.get(name)]
    if then.get("code") != now.get("code"):
        told.append("the code of crfs is another version")
    before, after = dict(then.get("packages", {})), dict(now.get("packages", {}))
    told += [
        f"{name}: {before.get(name, 'absent')} then, {after.get(name, 'absent')} now"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    if not told and then.get("constraints") != now.get("constraints"):
        told.append("the digest of the constraints is another one")
    return told


def rebuild_hint(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """How to make the old environment again."""
    before, after = dict(then.get("packages", {})), dict(now.get("packages", {}))
    pins = [f"{name}=={version}" for name, version in sorted(before.items()) if after.get(name) != version and name != "crfs"]
    steps = [f"Python {then['python']} on a {then['processor']} processor"] if {**then} != {**now} and "python" in then else []
    if pins:
        steps.append(f"pip install {' '.join(pins)}")
    if then.get("code") != now.get("code"):
        steps.append(f"the crfs whose code has the digest {then.get('code')}")
    return "; ".join(steps)


def _code_digest() -> str:
    """Digest of every file that a number may depend on: all but the doors, which compute nothing."""
    digest = hashlib.sha256()
    pending, found = [(files("crfs"), "")], []
    while pending:
        folder, prefix = pending.pop()
        for item in folder.iterdir():
            if item.is_dir():
                if item.name != "__pycache__" and f"{prefix}{item.name}" != "apps":
                    pending.append((item, f"{prefix}{item.name}/"))
            elif item.name.endswith((".py", ".toml", ".json", ".mako")):
                found.append((f"{prefix}{item.name}", item))
    for name, item in sorted(found, key=lambda pair: pair[0]):
        digest.update(name.encode() + b"\0" + hashlib.sha256(item.read_bytes()).digest())
    return digest.hexdigest()


def _closure(name: str) -> dict[str, str]:
    """Versions of a distribution and all that it needs; extras and markers of other platforms are not followed."""
    found: dict[str, str] = {}
    pending = [name]
    while pending:
        wanted = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if wanted in found:
            continue
        try:
            package: Distribution = distribution(wanted)
        except PackageNotFoundError:
            continue
        found[wanted] = package.version
        for requirement in package.requires or []:
            match = _REQUIREMENT.match(requirement)
            if match and not re.search(r";.*\bextra\b", requirement):
                pending.append(match.group(1))
    return found


def _processor() -> str:
    machine = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            facts = dict(line.split(":", 1) for line in lines if ":" in line)
    except OSError:
        return f"{machine} {platform.processor()}".strip()
    keys = {key.strip(): value.strip() for key, value in facts.items()}
    vector = [name for name in ("avx2", "avx512f") if name in keys.get("flags", "").split()]
    return " ".join([machine, keys.get("vendor_id", ""), f"family {keys.get('cpu family', '?')}", *vector]).strip()
