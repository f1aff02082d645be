"""Looks through requirements.lock: everything is pinned by hash, and no locked version has a known advisory.

Advisories come from OSV (one request for all packages). Where it does not answer, only those of .ci/advisories.json are
known; the last line says so, and with RUNTALLY_ADVISORIES=require that is an error. Exits with 1 on a finding.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.version import Version

ROOT: Final = Path(__file__).parents[1]
DATABASE: Final = "https://api.osv.dev/v1/querybatch"
SECONDS: Final = 5.0


def locked(text: str) -> Iterator[tuple[Requirement, int]]:
    """Each requirement of a lock, and how many hashes it has."""
    for entry in re.split(r"\n(?=\S)", text.strip()):
        written, *rest = re.split(r"\s*\\\n\s*", entry.strip())
        yield Requirement(written), sum(bool(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line)) for line in rest)


def unpinned(requirements: list[tuple[Requirement, int]]) -> list[str]:
    """Those that could be something else tomorrow."""
    return [
        f"{requirement.name}: pin it by == and by hash (make lock)"
        for requirement, hashes in requirements
        if requirement.url or not hashes or [part.operator for part in requirement.specifier] != ["=="]
    ]


def too_old(versions: list[tuple[str, str]], below: dict[str, list[str]]) -> list[str]:
    """Those of which a first good version is known that lies above."""
    return [
        f"{name} {version}: {below[name][1]}; take {below[name][0]} or later"
        for name, version in versions
        if name in below and Version(version) < Version(below[name][0])
    ]


def advisories(versions: list[tuple[str, str]]) -> list[list[str]]:
    """What the database knows of each. Raises OSError when it does not answer."""
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in versions]
    request = urllib.request.Request(
        DATABASE, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        results = json.load(answer)["results"]
    return [[entry["id"] for entry in result.get("vulns", ())] for result in results]


def main() -> int:
    known: dict[str, Any] = json.loads((ROOT / ".ci/advisories.json").read_text())
    requirements = list(locked((ROOT / "requirements.lock").read_text()))
    versions = [(requirement.name, str(requirement.specifier).removeprefix("==")) for requirement, _ in requirements]
    found = unpinned(requirements) + too_old(versions, known["below"])
    told, is_looked_up = f"{len(versions)} locked versions, none with an advisory", True
    try:
        for (name, version), ids in zip(versions, advisories(versions), strict=True):
            found += [f"{name} {version}: {one}" for one in ids if one not in known["accepted"]]
    except (OSError, ValueError, KeyError) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        is_looked_up = False
        told = (
            f"ADVISORIES WERE NOT LOOKED UP: {DATABASE} does not answer ({reason}); of {len(versions)} locked versions "
            f"only the {len(known['below'])} packages of .ci/advisories.json were compared"
        )
    for line in [*found, told] if not found or not is_looked_up else found:
        sys.stdout.write(f"dependencies: {line}\n")
    return 1 if found or (not is_looked_up and os.environ.get("RUNTALLY_ADVISORIES") == "require") else 0


if __name__ == "__main__":
    sys.exit(main())
