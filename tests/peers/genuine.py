"""Genuine name servers and brokers for tests, and `mqadmin`.

    with JavaNamesrv() as namesrv, JavaBroker("broker-a", namesrv.address) as broker:
        print(mqadmin("clusterList", namesrv=namesrv.address))
        broker.kill()                       # SIGKILL: leaves the abort file
        broker.start()                      # same ports, same store

Each has a home folder of its own under a temporary folder, with its logs, and is removed with it.
"""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import tempfile
from abc import abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Self

from tests.peers import java
from tests.peers.process import PeerFailedError, PeerProcess, die_with_parent

READY = "boot success"
START_TIMEOUT_SECONDS = 60.0
ADMIN_TIMEOUT_SECONDS = 60.0
START_ATTEMPTS = 3
PORT_ATTEMPTS = 100
# Below the range the kernel gives to outgoing connections, which could take a port in between.
PORTS = range(20000, 32000)
LOGBACK = """<configuration>
  <appender name="file" class="ch.qos.logback.core.FileAppender">
    <file>{logs}/{name}.log</file>
    <encoder><pattern>%d{{HH:mm:ss.SSS}} %-5level %logger - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="file"/></root>
</configuration>
"""
# Small files, so that a test shows rolling and many brokers fit on a disk.
SMALL_STORE = {
    "mappedFileSizeCommitLog": 16 * 1024 * 1024,
    "mappedFileSizeConsumeQueue": 20000,
    "maxHashSlotNum": 1000,
    "maxIndexNum": 4000,
    "diskMaxUsedSpaceRatio": 95,
}


def free_port(offsets: tuple[int, ...] = (0,)) -> int:
    """A port p with p + offset free for each offset; tests in parallel draw at random."""
    for _ in range(PORT_ATTEMPTS):
        port = random.choice(PORTS)
        with ExitStack() as held:
            try:
                for offset in offsets:
                    listener = held.enter_context(socket.socket())
                    listener.bind(("0.0.0.0", port + offset))
            except OSError:
                continue
            return port
    raise PeerFailedError(f"no free ports {offsets} in {PORT_ATTEMPTS} tries")


def make_home(parent: Path | None, access: tuple[str, str] | None = None) -> Path:
    """A folder that has what the start-up classes read under rocketmq.home.dir.

    `access` = (access key, secret key) is for mqadmin.
    """
    home = Path(tempfile.mkdtemp(prefix="minimq-peer-", dir=parent))
    (home / "conf").mkdir()
    (home / "logs").mkdir()
    for name in ("namesrv", "broker", "tools"):
        text = LOGBACK.format(logs=home / "logs", name=name)
        (home / "conf" / f"logback_{name}.xml").write_text(text)
    if access is not None:
        keys = f"accessKey: {access[0]}\nsecretKey: {access[1]}\n"
        (home / "conf" / "tools.yml").write_text(keys)
    return home


class JavaServer:
    """A server with a port, a home and a properties file; it may be started again after its end."""

    MAIN: ClassVar[str]
    OFFSETS: ClassVar[tuple[int, ...]]

    def __init__(self, port: int, home: Path | None, version: str) -> None:
        self.version = version
        self.wanted_port = port
        self.port = port
        self.home = make_home(home)
        self.process: PeerProcess | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @abstractmethod
    def properties(self) -> dict[str, object]:
        """The server's properties file."""

    def start(self) -> Self:
        """Start and wait for "boot success"; a port that was taken meanwhile is drawn again."""
        for attempt in range(START_ATTEMPTS):
            self.port = self.port or free_port(self.OFFSETS)
            try:
                self._start_once()
                return self
            except PeerFailedError as failure:
                self.kill()
                if self.wanted_port or attempt == START_ATTEMPTS - 1:
                    raise
                if "Address already in use" not in str(failure):
                    raise
                self.port = 0
        raise AssertionError("not reached")

    def _start_once(self) -> None:
        lines = "".join(f"{name}={value}\n" for name, value in self.properties().items())
        (self.home / "server.properties").write_text(lines)
        libraries = java.server_jars(self.version)
        words = (self.MAIN, "-c", str(self.home / "server.properties"))
        self.process = started = PeerProcess(
            java.command(libraries, self.home, *words), cwd=self.home
        )
        started.wait_until(
            lambda: any(READY in line for line in started.lines), READY, START_TIMEOUT_SECONDS
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def log(self) -> str:
        return "".join(file.read_text(errors="replace") for file in self.home.glob("logs/*.log"))

    def __enter__(self) -> Self:
        try:
            return self if self.alive else self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it in whatever state it is, and remove its home (not a store given from outside)."""
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


class JavaNamesrv(JavaServer):
    MAIN = "org.apache.rocketmq.namesrv.NamesrvStartup"
    OFFSETS = (0,)

    def __init__(
        self,
        port: int = 0,
        *,
        home: Path | None = None,
        version: str = java.SERVER_VERSION,
        **extra: object,
    ) -> None:
        super().__init__(port, home, version)
        self.extra = extra

    def properties(self) -> dict[str, object]:
        paths = {
            "kvConfigPath": self.home / "kvConfig.json",
            "configStorePath": self.home / "namesrv.properties",
        }
        return {"listenPort": self.port, **paths, **self.extra}


class JavaBroker(JavaServer):
    """`extra` are broker properties by their Java names, as `fileReservedTime=1`."""

    MAIN = "org.apache.rocketmq.broker.BrokerStartup"
    OFFSETS = (-2, 0, 1)

    def __init__(
        self,
        name: str,
        namesrv: str,
        *,
        broker_id: int = 0,
        role: str = "ASYNC_MASTER",
        cluster: str = "DefaultCluster",
        flush: str = "ASYNC_FLUSH",
        port: int = 0,
        store: Path | None = None,
        acl: str | None = None,
        home: Path | None = None,
        version: str = java.SERVER_VERSION,
        **extra: object,
    ) -> None:
        super().__init__(port, home, version)
        self.name = name
        self.store = store or self.home / "store"
        self.settings = {
            "brokerClusterName": cluster,
            "brokerName": name,
            "brokerId": broker_id,
            "brokerRole": role,
            "flushDiskType": flush,
            "namesrvAddr": namesrv,
            **extra,
        }
        if acl is not None:
            (self.home / "conf" / "plain_acl.yml").write_text(acl)
            self.settings["aclEnable"] = "true"

    @property
    def ha_address(self) -> str:
        return f"127.0.0.1:{self.port + 1}"

    def properties(self) -> dict[str, object]:
        own = {
            "brokerIP1": "127.0.0.1",
            "brokerIP2": "127.0.0.1",
            "listenPort": self.port,
            "storePathRootDir": self.store,
            "storePathCommitLog": self.store / "commitlog",
            "autoCreateTopicEnable": "true",
        }
        return {**own, **SMALL_STORE, **self.settings}


def mqadmin(*words: str, namesrv: str | None = None, access: tuple[str, str] | None = None) -> str:
    """What `mqadmin WORDS` prints on either stream; the exit code is 0 even for most failures."""
    with tempfile.TemporaryDirectory(prefix="minimq-admin-") as folder:
        home = make_home(Path(folder), access)
        where = ("-n", namesrv) if namesrv else ()
        main = "org.apache.rocketmq.tools.command.MQAdminStartup"
        done = subprocess.run(
            java.command(java.client_jars(), home, main, *words, *where),
            cwd=home,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ADMIN_TIMEOUT_SECONDS,
            preexec_fn=die_with_parent,
        )
    return done.stdout
