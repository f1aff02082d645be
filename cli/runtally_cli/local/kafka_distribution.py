"""Apache Kafka's jars, brought by Maven into a folder of the user's that outlives the project."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Final

KAFKA_VERSION: Final = "4.1.2"
_OLDEST_JAVA: Final = 17
_MAVEN_SECONDS: Final = 600


class KafkaUnavailable(RuntimeError):
    """Native Kafka can't be had here; the message says what is missing."""


def cache_folder() -> Path:
    """Where things that many working copies share are kept: $XDG_CACHE_HOME/runtally."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "runtally"


def why_unavailable() -> str | None:
    """None when `jars` has what it needs, else a sentence. Quick: it runs nothing."""
    if shutil.which("java") is None:
        return f"native Kafka needs Java {_OLDEST_JAVA} or later, and there is no java on the PATH"
    if not _target(_pom()).is_dir() and shutil.which("mvn") is None:
        return "native Kafka comes by Maven, and there is no mvn on the PATH"
    return None


def jars() -> Path:
    """The folder of jars, complete; downloads them the first time. Raises KafkaUnavailable."""
    if reason := why_unavailable():
        raise KafkaUnavailable(reason)
    _require_java()
    pom = _pom()
    target = _target(pom)
    if not target.is_dir():
        _download(pom, target)
    return target


def _pom() -> str:
    return (files("runtally_cli.local") / "kafka_pom.xml").read_text(encoding="utf-8")


def _target(pom: str) -> Path:
    # Named by the pom's content, so a changed dependency is never served from an old folder.
    return cache_folder() / f"kafka-{KAFKA_VERSION}-{hashlib.sha256(pom.encode()).hexdigest()[:12]}"


def _require_java() -> None:
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    major = re.search(r'version "(\d+)', said)
    if major is None or int(major[1]) < _OLDEST_JAVA:
        found = said.splitlines()[0] if said.strip() else "nothing"
        raise KafkaUnavailable(f"native Kafka needs Java {_OLDEST_JAVA} or later; java -version says: {found}")


def _download(pom: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".kafka-") as scratch:
        project = Path(scratch)
        (project / "pom.xml").write_text(pom, encoding="utf-8")
        _run_maven(project)
        try:
            (project / "jars").rename(target)
        except OSError:
            # Another process was quicker; the folder it put there has the same name and content.
            if not target.is_dir():
                raise


def _run_maven(project: Path) -> None:
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
    command = ["mvn", "-B", "-q", goal, "-DincludeScope=runtime", f"-DoutputDirectory={project / 'jars'}"]
    try:
        done = subprocess.run(
            command,
            cwd=project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MAVEN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise KafkaUnavailable(f"Maven had not brought Kafka within {_MAVEN_SECONDS} s") from error
    if done.returncode != 0:
        raise KafkaUnavailable(f"Maven could not bring Kafka:\n{(done.stdout + done.stderr)[-2000:]}")
