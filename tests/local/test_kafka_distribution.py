import subprocess
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest
from runtally_cli.local import kafka_distribution
from runtally_cli.local.kafka_distribution import KafkaUnavailable


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, with a cache that is empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def _tool(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_what_is_missing_is_named(tools: Path) -> None:
    with pytest.raises(KafkaUnavailable, match="there is no java on the PATH"):
        kafka_distribution.jars()

    _tool(tools / "java", "true")
    assert kafka_distribution.why_unavailable() == "native Kafka comes by Maven, and there is no mvn on the PATH"


@pytest.mark.parametrize(
    ("said", "found"),
    [('openjdk version "11.0.2" 2019-01-15', "11.0.2"), ('java version "1.8.0_201"', "1.8"), ("", "")],
)
def test_an_old_java_is_refused(said: str, found: str, tools: Path) -> None:
    _tool(tools / "java", f"echo '{said}' >&2")
    _tool(tools / "mvn", "true")

    with pytest.raises(KafkaUnavailable, match=f"needs Java 17 or later; java -version says: .*{found}"):
        kafka_distribution.jars()


def test_a_download_is_kept_once_it_is_whole(tools: Path) -> None:
    _tool(tools / "java", """echo 'openjdk version "21.0.1"' >&2""")
    _tool(tools / "mvn", "echo offline; exit 1")
    with pytest.raises(KafkaUnavailable, match=r"(?s)Maven could not bring Kafka:.*offline"):
        kafka_distribution.jars()

    mkdir = subprocess.run(["/bin/sh", "-c", "command -v mkdir"], capture_output=True, text=True, check=False, env={})
    _tool(tools / "mvn", f'for a; do case $a in -DoutputDirectory=*) {mkdir.stdout.strip()} "${{a#*=}}" ;; esac; done')
    jars = kafka_distribution.jars()
    assert jars.is_dir()

    (tools / "mvn").unlink()
    assert kafka_distribution.jars() == jars


def test_the_pom_asks_for_the_version_that_is_told() -> None:
    pom = ElementTree.fromstring((files("runtally_cli.local") / "kafka_pom.xml").read_text())
    name = "{http://maven.apache.org/POM/4.0.0}"
    versions = {
        dependency.findtext(f"{name}artifactId"): dependency.findtext(f"{name}version")
        for dependency in pom.iter(f"{name}dependency")
    }

    assert versions["kafka_2.13"] == versions["kafka-tools"] == kafka_distribution.KAFKA_VERSION
