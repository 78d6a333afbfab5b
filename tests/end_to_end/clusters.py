"""A Dask cluster of real processes, as `dask scheduler` and `dask worker` start them."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.broken_off import until

DASK = Path(sys.executable).parent / "dask"


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
        return port


@dataclass
class Cluster:
    """A scheduler and workers. Each worker is started again when it ends, as systemd does."""

    folder: Path
    environment: Mapping[str, str]
    """That of the workers: it has the credentials. The scheduler gets none of it."""
    port: int = field(default_factory=free_port)
    _processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _is_closing: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"tls://127.0.0.1:{self.port}"

    @property
    def of_a_client(self) -> dict[str, str]:
        """The variables of Dask with which a client is admitted."""
        prefix, folder = "DASK_DISTRIBUTED__COMM__TLS", self.folder / "tls"
        return {
            f"{prefix}__CA_FILE": f"{folder}/ca.pem",
            f"{prefix}__CLIENT__CERT": f"{folder}/client-cert.pem",
            f"{prefix}__CLIENT__KEY": f"{folder}/client-key.pem",
        }

    def _certificates(self, role: str) -> list[str]:
        """Options of `dask`."""
        folder = self.folder / "tls"
        files = f"{folder}/ca.pem", f"{folder}/{role}-cert.pem", f"{folder}/{role}-key.pem"
        names = "--tls-ca-file", "--tls-cert", "--tls-key"
        return [word for pair in zip(names, files, strict=True) for word in pair]

    def write_certificates(self) -> None:
        """One authority, and a certificate for each role."""
        from distributed import Security

        security, folder = Security.temporary(), self.folder / "tls"
        folder.mkdir(mode=0o700)
        (folder / "ca.pem").write_text(security.tls_ca_file)
        for role in ("scheduler", "worker", "client"):
            for part in ("cert", "key"):
                content = getattr(security, f"tls_{role}_{part}")
                (folder / f"{role}-{part}.pem").write_text(content)

    def start(self, name: str) -> None:
        words = ["scheduler", "--protocol", "tls", "--port", str(self.port), "--no-dashboard"]
        words += self._certificates("scheduler")
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        if name != "scheduler":
            words = ["worker", self.address, "--no-nanny", "--nthreads", "3", "--name", name]
            words += ["--no-dashboard", "--local-directory", str(self.folder / "scratch" / name)]
            words += ["--death-timeout", "20", *self._certificates("worker")]
            env = {**self.environment, "AUDITOR_HOME": str(self.folder / "homes" / name)}
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [DASK, *words], env=env, stdout=log, stderr=log, cwd=self.folder
            )

    def kill(self, name: str) -> None:
        process = self._processes[name]
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _supervise(self) -> None:
        while not self._is_closing.wait(0.5):
            for name, process in [*self._processes.items()]:
                if process.poll() is not None and not self._is_closing.is_set():
                    self.start(name)

    def close(self) -> None:
        self._is_closing.set()
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait(10)


@contextmanager
def cluster_of(folder: Path, environment: Mapping[str, str], workers: int) -> Iterator[Cluster]:
    cluster = Cluster(folder, environment)
    (folder / "scratch").mkdir()
    cluster.write_certificates()
    try:
        for name in ("scheduler", *(f"worker{number}" for number in range(workers))):
            cluster.start(name)
        until(lambda: cluster.log("scheduler").count("Register worker") >= workers)
        threading.Thread(target=cluster._supervise, daemon=True).start()
        yield cluster
    finally:
        cluster.close()
