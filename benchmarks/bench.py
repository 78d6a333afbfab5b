"""The bench: runs the sandbox and the auditor in processes of their own and weighs the latter."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from auditor.app.audit import EvaluationConfig, metadata
from auditor.evidence.export import copy_snapshot
from auditor.evidence.snapshot import Snapshot
from auditor.policy.catalogue import files
from auditor.store.runs import Runs

ROOT = Path(__file__).resolve().parent.parent
SANDBOX_VARIABLES = frozenset(
    {
        "ZOOM_API_URL",
        "ZOOM_OAUTH_URL",
        "ZOOM_ACCOUNT_ID",
        "ZOOM_CLIENT_ID",
        "ZOOM_CLIENT_SECRET",
    }
)
"""What `auditor sandbox` prints before it serves."""
EVALUATED = (0, 1, 3)
"""Exit codes of an audit that came to verdicts."""
START_WITHIN = 60.0
"""Seconds for a sandbox to say where it is."""
_RSS_UNIT = 1024
"""Bytes; the unit of `ru_maxrss` on Linux."""


class BenchmarkError(Exception):
    """A process that is measured, or needed for it, failed or took too long."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a finished process took."""

    seconds: float
    """By the clock on the wall, from start to end."""
    cpu: float
    """Seconds of processor time, its own and the system's on its behalf."""
    peak: int
    """The most memory it had at once, in bytes (resident set size)."""
    exit_code: int

    @property
    def megabytes(self) -> float:
        """`peak` in millions of bytes."""
        return self.peak / 1e6


@dataclass(frozen=True, slots=True)
class Audited:
    """A finished audit: what it took, and the head of its JSON report."""

    spent: Spent
    summary: Mapping[str, Any]
    messages: Path
    """What it wrote to standard error."""

    @property
    def requests(self) -> int:
        """Requests sent, repeated ones included."""
        return int(self.summary["api"]["requests"])

    @property
    def rate_limited(self) -> int:
        """Answers with status 429."""
        return int(self.summary["api"]["rate_limited"])

    @property
    def collecting(self) -> float:
        """Seconds from the first question to the last answer."""
        return float(self.summary["api"]["seconds"])

    @property
    def users(self) -> int:
        """Users judged."""
        return int(self.summary["coverage"]["user"])


class Bench:
    """Where cases run: a folder, a scale for their sizes, and someone to tell how it goes."""

    def __init__(self, folder: Path, scale: float, say: Callable[[str], object]) -> None:
        self._folder = folder
        self._scale = scale
        self.say = say

    def sized(self, full: int, least: int = 60) -> int:
        """A number of things at this bench's scale, never fewer than `least`."""
        return max(least, round(full * self._scale))

    @contextmanager
    def workshop(self) -> Iterator["Workshop"]:
        """An empty folder with all that runs in it; both end with the block."""
        with TemporaryDirectory(dir=self._folder) as folder:
            yield Workshop(Path(folder), self.say)


class Workshop:
    """The processes of one measurement, with a data directory that no other one sees."""

    def __init__(self, folder: Path, say: Callable[[str], object]) -> None:
        self.folder = folder
        self._say = say

    @property
    def home(self) -> Path:
        """The auditor's data directory."""
        return self.folder / "home"

    def evidence(self) -> Path:
        """The evidence of the newest run, taken out of the history as a file of its own."""
        target = self.folder / "evidence.sqlite"
        with closing(Runs(self.home).open("latest")) as stored, Snapshot.create(target) as copy:
            judgement = EvaluationConfig.from_snapshot(stored, files.shipped_catalogue())
            copy_snapshot(stored, copy, metadata(stored, judgement, pseudonymised=False))
        return target

    @contextmanager
    def sandbox(
        self,
        users: int,
        *,
        scenario: str = "drifted",
        plan: str = "none",
        latency: int = 0,
        groups: int | None = None,
        core: int | None = None,
        seed: int = 1,
    ) -> Iterator[Mapping[str, str]]:
        """`auditor sandbox` for as long as the block runs: the variables that point at it.

        `plan` is whose rate limits hold, `latency` is in milliseconds.

        Raises:
            BenchmarkError: it did not start.
        """
        command = [
            *(sys.executable, "-m", "auditor", "sandbox"),
            *("--users", str(users), "--scenario", scenario),
            *("--plan", plan, "--latency", str(latency), "--seed", str(seed)),
            *(() if groups is None else ("--groups", str(groups))),
        ]
        errors = self.folder / "sandbox.err"
        with errors.open("wb") as out:
            process = self._started(command, {}, subprocess.PIPE, out, core)
        late = threading.Timer(START_WITHIN, process.kill)
        late.start()
        try:
            told = _variables(process)
            late.cancel()
            if not told.keys() >= SANDBOX_VARIABLES:
                raise BenchmarkError(f"The sandbox did not start. {_tail(errors)}")
            yield told
        finally:
            late.cancel()
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def audit(
        self,
        where: Mapping[str, str],
        *arguments: str,
        within: float,
        verbosity: str = "",
        core: int | None = None,
    ) -> Audited:
        """`auditor audit` with a JSON report beside what `arguments` ask for.

        `within` is in seconds, `verbosity` an option such as `-vv`.

        Raises:
            BenchmarkError: it came to no verdicts, took too long, or needs less than this process.
        """
        report = self.folder / "report.json"
        spent = self.auditor(
            [*arguments, "--format", "json", "--output", str(report)],
            where,
            within=within,
            verbosity=verbosity,
            core=core,
        )
        return Audited(spent, summary_of(report), self.folder / "process.err")

    def auditor(
        self,
        arguments: Sequence[str],
        where: Mapping[str, str],
        *,
        within: float,
        verbosity: str = "",
        core: int | None = None,
    ) -> Spent:
        """What `auditor audit` with `arguments` took.

        Raises:
            BenchmarkError: it came to no verdicts, took too long, or needs less than this process.
        """
        self._say(textwrap.shorten(f"auditor audit {' '.join(arguments)}", 100, placeholder=" …"))
        start = [sys.executable, "-m", "auditor", *([verbosity] if verbosity else []), "audit"]
        spent = self.finished(
            [*start, *arguments], where, within=within, accepted=EVALUATED, core=core
        )
        require_more_than_own(spent.peak)
        return spent

    def fleet(self, arguments: Sequence[str], where: Mapping[str, str], *, within: float) -> Spent:
        """What `auditor fleet audit` took with `fleet.yaml` of the folder.

        Raises:
            BenchmarkError: it came to no verdicts, or took too long.
        """
        start = [sys.executable, "-m", "auditor", "fleet", "audit", "--fleet", "fleet.yaml"]
        return self.finished([*start, *arguments], where, within=within, accepted=EVALUATED)

    def finished(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        within: float,
        accepted: Sequence[int] = (0,),
        core: int | None = None,
    ) -> Spent:
        """What a command took. It writes to `process.out` and `process.err` in the folder.

        Raises:
            BenchmarkError: it ended with a code that is not accepted, or not `within` the seconds.
        """
        errors = self.folder / "process.err"
        with (self.folder / "process.out").open("wb") as out, errors.open("wb") as err:
            began = time.monotonic()
            process = self._started(command, environment, out, err, core)
        late = threading.Event()

        def stop() -> None:
            late.set()
            os.kill(process.pid, signal.SIGKILL)

        alarm = threading.Timer(within, stop)
        alarm.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            alarm.cancel()
            process.kill()
        seconds = time.monotonic() - began
        if late.is_set():
            raise BenchmarkError(f"Not done within {within:,.0f} seconds; stopped.")
        if process.returncode not in accepted:
            raise BenchmarkError(f"Ended with exit code {process.returncode}. {_tail(errors)}")
        peak = used.ru_maxrss * _RSS_UNIT
        return Spent(seconds, used.ru_utime + used.ru_stime, peak, process.returncode)

    def _started(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        out: Any,
        err: Any,
        core: int | None,
    ) -> "subprocess.Popen[bytes]":
        """Start a command that sees none of this machine's settings, on one core if one is given.

        A child may run where its parent may at that moment.
        """
        mine = {k: v for k, v in os.environ.items() if not k.startswith(("ZOOM_", "AUDITOR_"))}
        settings = {
            "PYTHONPATH": str(ROOT),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "NO_PROXY": "127.0.0.1",
            "AUDITOR_HOME": str(self.home),
        }
        allowed = os.sched_getaffinity(0)
        if core is not None:
            os.sched_setaffinity(0, {core})
        try:
            return subprocess.Popen(  # noqa: S603 - the command is ours
                command,
                cwd=self.folder,
                env={**mine, **settings, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        finally:
            os.sched_setaffinity(0, allowed)


def _variables(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    """What a sandbox prints: one variable a line, until all are there or it ends."""
    told: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        name, _, value = line.decode().strip().partition("=")
        told[name] = value
        if told.keys() >= SANDBOX_VARIABLES:
            break
    return told


def summary_of(report: Path) -> Mapping[str, Any]:
    """`summary` of a JSON report, without reading its findings: they may be a gigabyte.

    Raises:
        BenchmarkError: the report does not begin as it should.
    """
    head = ""
    with report.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(' "findings"'):
                break
            head += line
    try:
        found: Mapping[str, Any] = json.loads(head.rstrip().rstrip(",") + "}")["summary"]
    except (ValueError, KeyError) as error:
        raise BenchmarkError(f"{report.name} does not begin with run and summary.") from error
    return found


def require_more_than_own(peak: int) -> None:
    """Linux counts the memory of the parent at the fork into its child's largest.

    Raises:
        BenchmarkError: so what was measured is this process.
    """
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
    if peak <= own:
        raise BenchmarkError(
            f"The bench itself needs {own / 1e6:.0f} MB, the process no more: nothing was measured."
        )


def _tail(errors: Path) -> str:
    """The last lines of what a process complained about."""
    lines = errors.read_text(encoding="utf-8", errors="replace").splitlines()
    return " ".join(lines[-3:])
