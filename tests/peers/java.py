"""The genuine Java classes: jars from Maven Central, our own small programs compiled against them.

Servers are 4.9.7 and clients 4.9.8, see pom.xml. `.peers/servers-4.9.7-.../` holds one folder of
jars, `.peers/java-.../` the compiled programs of `tests/peers/java/`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.peers.cache import HERE, build_with, cached, digest, need

SERVER_VERSION = "4.9.7"
CLIENT_VERSION = "4.9.8"
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
SERVER_PROGRAMS = ("StoreDump.java",)

# Small and quick to start; the store reads buffer addresses and frees buffers by reflection.
JVM_FLAGS = (
    "-Xms32m",
    "-Xmx384m",
    "-XX:MaxDirectMemorySize=256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xshare:auto",
    "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
)
# A full disk on the test machine must not stop a broker from writing.
DISK_FLAGS = (
    "-Drocketmq.broker.diskSpaceWarningLevelRatio=0.99",
    "-Drocketmq.broker.diskSpaceCleanForciblyRatio=0.98",
)


def copy_jars(profile: str, version: str, into: Path) -> None:
    maven = need("mvn", f"RocketMQ {version}")
    arguments = [f"-P{profile}", f"-Drocketmq.version={version}", f"-DoutputDirectory={into}"]
    command = [maven, "-q", "-B", COPY_JARS, *arguments, "-DincludeScope=runtime"]
    build_with([*command, "-f", HERE / "pom.xml"], f"RocketMQ {version} ({profile})", cwd=into)


def jars(profile: str, version: str) -> Path:
    name = f"{profile}-{version}-{digest([HERE / 'pom.xml'])}"
    return cached(name, partial(copy_jars, profile, version))


def server_jars(version: str = SERVER_VERSION) -> Path:
    return jars("servers", version)


def client_jars(version: str = CLIENT_VERSION) -> Path:
    return jars("clients", version)


def compile_programs(sources: list[Path], libraries: Path, into: Path) -> None:
    javac = need("javac", "a Java peer")
    build_with([javac, "-nowarn", "-cp", f"{libraries}/*", "-d", into, *sources], "javac", cwd=HERE)


def programs(libraries: Path, *, server: bool) -> Path:
    """Our compiled programs: the client peer, or those that need the server's classes."""
    sources = [f for f in (HERE / "java").glob("*.java") if (f.name in SERVER_PROGRAMS) == server]
    name = f"java-{'server' if server else 'client'}-{digest(sources, libraries.name)}"
    return cached(name, partial(compile_programs, sources, libraries))


def command(libraries: Path, home: Path, *words: str) -> list[str]:
    """A JVM on these jars whose default paths stay inside `home`."""
    properties = [f"-Drocketmq.home.dir={home}", f"-Duser.home={home}"]
    logs = f"-Drocketmq.client.logRoot={home}/logs"
    java = need("java", "a Java peer")
    return [java, *JVM_FLAGS, *DISK_FLAGS, *properties, logs, "-cp", f"{libraries}/*", *words]
