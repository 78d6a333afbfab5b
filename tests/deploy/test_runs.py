"""The recipes run: their own commands against the simulated account, other paths and no more."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from auditor.sandbox import Sandbox
from tests.certificates import server_context
from tests.deploy.command_lines import DEPLOY
from tests.end_to_end.conftest import Ran, environment, served, variables

BIN = Path(sys.executable).parent
KEY = "a key for the pseudonyms of these tests"
DEVIATES = 1
"""The simulated account deviates, and pipelines fail at high."""

TRACE = """\
import os, sys

def watch(event, args, seen=set()):
    if event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
        written = args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    else:
        written = event in ("os.mkdir", "os.rename", "sqlite3.connect", "os.symlink", "os.link")
    if written and args[0] not in seen:
        seen.add(args[0])
        os.write(LOG, os.fsencode(args[0]) + b"\\n")

LOG = os.open(os.environ["TRACE"], os.O_WRONLY | os.O_APPEND)
sys.addaudithook(watch)
"""
"""Notes every path that Python writes to, makes or opens as a database."""


@dataclass(frozen=True)
class Machine:
    """A folder that stands for a machine."""

    folder: Path

    @property
    def home(self) -> Path:
        """In place of /var/lib/auditor."""
        return self.folder / "home"

    def run(self, command: list[str], env: Mapping[str, str], folder: Path | None = None) -> Ran:
        """Run it in this environment and no other."""
        done = subprocess.run(
            command,
            cwd=folder or self.folder,
            env=environment(self.folder, **{"AUDITOR_HOME": "", **env}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def bash(self, script: str, env: Mapping[str, str]) -> Ran:
        """Run a script as the machines of pipelines do."""
        return self.run(["bash", "-e", "-o", "pipefail", "-c", script], env)


@dataclass(frozen=True)
class MachineWithAccount(Machine):
    """A machine, and a Zoom account for it to audit."""

    account: Sandbox

    def credentials(self, **otherwise: str) -> Path:
        """The three files that systemd, Docker and Kubernetes hand over."""
        folder = self.folder / "credentials"
        folder.mkdir()
        for variable, value in {**variables(self.account), **otherwise}.items():
            if not variable.endswith("_URL"):
                (folder / variable.lower()).write_text(f"{value}\n", encoding="utf-8")
        return folder

    def addresses(self) -> dict[str, str]:
        """Where the simulated Zoom is, which no recipe can know."""
        told = variables(self.account)
        return {name: value for name, value in told.items() if name.endswith("_URL")}

    def secrets(self) -> dict[str, str]:
        """What a pipeline is given. The history is not on its disk."""
        store = f"sqlite:///{self.folder}/history.sqlite"
        return {
            **variables(self.account),
            "AUDITOR_STORE": store,
            "AUDITOR_PSEUDONYM_KEY": KEY,
        }


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with served(users=4, groups=1) as sandbox:
        yield sandbox


@pytest.fixture
def machine(tmp_path: Path, account: Sandbox) -> MachineWithAccount:
    made = MachineWithAccount(tmp_path, account)
    made.home.mkdir()
    (tmp_path / "organisation.yaml").write_text("baseline: consent-first\n", encoding="utf-8")
    return made


def recipe(name: str, **paths: object) -> str:
    """The text of a recipe, with these paths in place of its own."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for theirs, here in paths.items():
        text = text.replace(theirs, str(here))
    return text


def said(ran: Ran) -> str:
    return f"exit {ran.code}\n{ran.out}\n{ran.err}"


def names_nobody(path: Path) -> bool:
    """The people of the simulated account have addresses at example.com."""
    text = path.read_text(encoding="utf-8")
    return len(text) > 1000 and "@example.com" not in text


# --- Schedulers


def cron(machine: MachineWithAccount, credentials: Path) -> Ran:
    places = {
        "/opt/auditor/bin": BIN,
        "/var/lib/auditor": machine.home,
        "/etc/auditor/credentials": credentials,
    }
    text = recipe("cron/auditor.crontab", **places)
    env = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    (job,) = re.findall(r"^\d[^\n]*", text, re.MULTILINE)
    return machine.run(["/bin/sh", "-c", job.split(None, 5)[5]], {**machine.addresses(), **env})


@pytest.mark.slow
def test_a_night_by_cron_that_goes_well_writes_no_mail(machine: MachineWithAccount) -> None:
    ran = cron(machine, machine.credentials())
    assert (ran.code, ran.out, ran.err) == (0, "", ""), said(ran)
    assert '"level": "info"' in (machine.home / "nightly.log").read_text(encoding="utf-8")
    assert (machine.home / "latest.html").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_night_by_cron_that_fails_mails_its_exit_code_and_its_log(
    machine: MachineWithAccount,
) -> None:
    ran = cron(machine, machine.credentials(ZOOM_CLIENT_SECRET="another"))
    assert "auditor nightly ended with exit code 4\n" in ran.out, said(ran)
    assert '"level": "error"' in ran.out


@pytest.mark.slow
def test_the_service_starts_what_runs_and_writes_to_its_folder_alone(
    machine: MachineWithAccount,
) -> None:
    unit = recipe("systemd/auditor-nightly.service", **{"/var/lib/auditor": machine.home})
    settings = recipe("systemd/auditor.env", **{"/var/lib/auditor": machine.home})
    (machine.home / "reports").mkdir()  # StateDirectory
    assert "StateDirectory=auditor auditor/reports\n" in unit
    (started,) = re.findall(r"^ExecStart=/opt/auditor/bin/(.*)$", unit, re.MULTILINE)
    env = dict(re.findall(r"^Environment=(\w+)=(.*)$", unit, re.MULTILINE))
    env |= dict(re.findall(r"^(\w+)=(.*)$", settings, re.MULTILINE))
    options = env.pop("AUDITOR_NIGHTLY_OPTIONS")
    words = shlex.split(started.replace("$AUDITOR_NIGHTLY_OPTIONS", options))
    loaded = dict(re.findall(r"^LoadCredential=(\w+):(\S+)$", unit, re.MULTILINE))
    credentials = machine.credentials()
    assert set(loaded) == {path.name for path in credentials.iterdir()}
    env |= {"CREDENTIALS_DIRECTORY": str(credentials), **machine.addresses()}
    ran, written = traced(machine, [str(BIN / words[0]), *words[1:]], env, machine.home)
    assert ran.code == 0, said(ran)
    assert (machine.home / "reports" / "latest.html").is_file()
    assert outside(written, machine) == []


# --- Containers


def traced(
    machine: MachineWithAccount, command: list[str], env: Mapping[str, str], folder: Path
) -> tuple[Ran, list[Path]]:
    """Run it, and every path it wrote to."""
    hook = machine.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(TRACE, encoding="utf-8")
    log = machine.folder / "written"
    log.touch()
    temporary = machine.folder / "tmp"
    temporary.mkdir()
    watched = {
        **env,
        "PYTHONPATH": str(hook),
        "TRACE": str(log),
        "TMPDIR": str(temporary),
        "PYTHONDONTWRITEBYTECODE": "1",
        **{name: "" for name in os.environ if name.startswith("COV")},  # it writes, too
    }
    ran = machine.run(command, watched, folder)
    written = [Path(folder, line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert len(written) > 5  # the hook was there
    return ran, written


def outside(written: list[Path], machine: MachineWithAccount) -> list[Path]:
    """What was written to outside of the data folder and the one for temporary files."""
    allowed = (machine.home, machine.folder / "tmp", Path("/dev"))
    return [path for path in written if not any(path.is_relative_to(each) for each in allowed)]


def container(manifest: str) -> dict[str, Any]:
    (job,) = (d for d in yaml.safe_load_all(manifest) if d["kind"] == "CronJob")
    (found,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.slow
def test_the_cron_job_writes_to_nothing_but_its_two_writable_volumes(
    machine: MachineWithAccount,
) -> None:
    credentials = machine.credentials()
    found = container(
        recipe(
            "kubernetes/auditor.yaml",
            **{
                "/run/credentials/auditor": credentials,
                "/etc/auditor/organisation.yaml": machine.folder / "organisation.yaml",
                "/data": machine.home,
            },
        )
    )
    mounted = {each["mountPath"] for each in found["volumeMounts"] if not each.get("readOnly")}
    assert mounted == {str(machine.home), "/tmp"}
    env = {each["name"]: each["value"] for each in found["env"]} | machine.addresses()
    command = [str(BIN / "auditor"), *found["args"]]
    ran, written = traced(machine, command, env, machine.home)
    assert ran.code == 0, said(ran)
    assert outside(written, machine) == []


@pytest.mark.slow
def test_compose_hands_the_secrets_over_under_the_names_the_program_reads(
    machine: MachineWithAccount,
) -> None:
    services = yaml.safe_load(recipe("docker/compose.yaml"))["services"]
    service = services["nightly"]
    credentials = machine.credentials()
    assert set(service["secrets"]) == {path.name for path in credentials.iterdir()}
    receives = {"zoom_webhook_secret", "tls_certificate", "tls_key"}
    assert set(services["watch"]["secrets"]) - set(service["secrets"]) == receives
    assert service["environment"] == {"CREDENTIALS_DIRECTORY": "/run/secrets"}
    env = {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "AUDITOR_HOME": str(machine.home),
        **machine.addresses(),
    }
    ran = machine.run([str(BIN / "auditor"), *service["command"]], env)
    assert ran.code == 0, said(ran)


def watch_container(name: str, places: Mapping[str, object]) -> tuple[list[str], dict[str, str]]:
    """The arguments and the environment of the receiver in a recipe."""
    text = recipe(name, **places)
    if name.endswith("compose.yaml"):
        service = yaml.safe_load(text)["services"]["watch"]
        return service["command"], service["environment"]
    (found,) = (d for d in yaml.safe_load_all(text) if d["kind"] == "Deployment")
    (container,) = found["spec"]["template"]["spec"]["containers"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] == "/metrics"
    return container["args"], {each["name"]: each["value"] for each in container["env"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kubernetes/auditor-watch.yaml", "docker/compose.yaml"])
def test_a_container_receives_over_tls_what_zoom_signs(
    name: str, machine: MachineWithAccount
) -> None:
    server_context(machine.folder)
    credentials = machine.credentials(ZOOM_WEBHOOK_SECRET="a-secret-token")
    certificate = machine.folder / "server.pem"
    files = ("/run/tls/tls.crt", "/run/tls/tls.key", "/run/secrets/tls_certificate")
    places: dict[str, object] = dict.fromkeys((*files, "/run/secrets/tls_key"), certificate)
    places |= {
        "/run/credentials/auditor": credentials,
        "/run/secrets": credentials,
        "/etc/auditor/organisation.yaml": machine.folder / "organisation.yaml",
        "/data/auditor": machine.home,
        "0.0.0.0:8443": "127.0.0.1:0",
    }
    arguments, env = watch_container(name, places)
    env = {"AUDITOR_HOME": str(machine.home), **env, **machine.addresses()}
    process = subprocess.Popen(
        [str(BIN / "auditor"), *arguments],
        cwd=machine.folder,
        env=environment(machine.folder, **env),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "Receiving events" in line)
        (port,) = re.findall(r"127\.0\.0\.1:(\d+)", line)
        url = f"https://127.0.0.1:{port}"
        assert (
            requests.get(f"{url}/metrics", verify=str(certificate), timeout=10).status_code == 200
        )
        trusting = {**env, "REQUESTS_CA_BUNDLE": str(certificate)}
        ran = machine.run([str(BIN / "auditor"), "watch", "check", f"{url}/webhook"], trusting)
        assert ran.code == 0, said(ran)
        process.terminate()
        process.communicate(timeout=30)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


# --- Pipelines


def github(machine: MachineWithAccount, mode: str) -> dict[str, Ran]:
    """The steps of the composite action with a script, but for the installation."""
    action = yaml.safe_load(recipe("github/action.yml"))
    secrets = machine.secrets()
    inputs = {name: each.get("default", "") for name, each in action["inputs"].items()} | {
        "mode": mode,
        "org": "organisation.yaml",
        "account-id": secrets["ZOOM_ACCOUNT_ID"] if mode != "gate" else "",
        "client-id": secrets["ZOOM_CLIENT_ID"] if mode != "gate" else "",
        "client-secret": secrets["ZOOM_CLIENT_SECRET"] if mode != "gate" else "",
        "store": secrets["AUDITOR_STORE"],
        "pseudonym-key": KEY,
    }
    temporary = machine.folder / "runner" / mode
    (temporary / "auditor").mkdir(parents=True)
    (temporary / "auditor" / "bin").symlink_to(BIN)
    runner = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(machine.folder / f"summary-{mode}.md"),
        "RUNNER_TEMP": str(temporary),
    }

    def filled(text: str) -> str:
        text = text.replace("${{ runner.temp }}", str(temporary))
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text)

    came = {}
    for step in action["runs"]["steps"]:
        name = step.get("name", "")
        wanted = {
            "Audit": mode == "nightly",
            "Gate": True,
            "Findings for code scanning": mode != "gate",
        }
        if wanted.get(name):
            env = {variable: filled(value) for variable, value in step["env"].items()}
            came[name] = machine.bash(step["run"], {**machine.addresses(), **runner, **env})
    return came


@pytest.mark.slow
def test_the_action_audits_tells_and_leaves_findings_without_names(
    machine: MachineWithAccount,
) -> None:
    night = github(machine, "nightly")
    assert night["Audit"].code == 0, said(night["Audit"])
    assert night["Gate"].code == DEVIATES, said(night["Gate"])
    assert "::error" in night["Gate"].out
    assert night["Findings for code scanning"].code == 0, said(night["Findings for code scanning"])
    assert names_nobody(machine.folder / "runner" / "nightly" / "auditor.sarif")
    summary = (machine.folder / "summary-nightly.md").read_text(encoding="utf-8")
    assert "FAIL" in summary


@pytest.mark.slow
def test_the_action_s_gate_asks_the_stored_run_and_needs_no_credentials(
    machine: MachineWithAccount,
) -> None:
    assert github(machine, "nightly")["Audit"].code == 0
    gate = github(machine, "gate")
    assert set(gate) == {"Gate"}
    assert gate["Gate"].code == DEVIATES, said(gate["Gate"])
    assert "FAIL" in (machine.folder / "summary-gate.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_action_audits_now_where_it_is_told_to(machine: MachineWithAccount) -> None:
    live = github(machine, "live")
    assert live["Gate"].code == DEVIATES, said(live["Gate"])
    assert live["Findings for code scanning"].code == 0, said(live["Findings for code scanning"])


def gitlab(machine: MachineWithAccount) -> tuple[str, str, dict[str, str]]:
    text = recipe("gitlab/auditor.gitlab-ci.yml", **{"/tmp/auditor/bin": BIN})
    jobs = yaml.safe_load(text)
    env = {**jobs[".auditor"]["variables"], **machine.secrets()}
    env["AUDITOR_HOME"] = str(machine.home)
    night, gate = (jobs[f"zoom-privacy-{name}"]["script"] for name in ("nightly", "gate"))
    return "\n".join(night), "\n".join(gate), env


def azure(machine: MachineWithAccount) -> tuple[str, str, dict[str, str]]:
    jobs = yaml.safe_load(recipe("azure/azure-pipelines.yml"))["jobs"]
    night, gate = (
        step["bash"]
        for job in jobs
        for step in job["steps"]
        if step.get("displayName") in ("Audit", "Gate")
    )
    agent = machine.folder
    (agent / "auditor").mkdir()
    (agent / "auditor" / "bin").symlink_to(BIN)
    env = {"AGENT_TEMPDIRECTORY": str(agent), "AUDITOR_HOME": str(machine.home)}
    return night, gate, {**machine.secrets(), **env}


def jenkins(machine: MachineWithAccount) -> tuple[str, str, dict[str, str]]:
    text = recipe("jenkins/Jenkinsfile")
    scripts = [block or line for block, line in re.findall(r"sh '(?:''(.*?)''|(.+?))'", text, re.S)]
    night, gate = (script for script in scripts if '"$AUDITOR"' in script)
    env = {"AUDITOR": str(BIN / "auditor"), "AUDITOR_HOME": str(machine.home)}
    return night, gate, {**machine.secrets(), **env}


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", [gitlab, azure, jenkins])
def test_a_pipeline_fails_at_deviations_and_keeps_reports_without_names(
    pipeline: Any, machine: MachineWithAccount
) -> None:
    night, gate, env = pipeline(machine)
    ran = machine.bash(night, env)
    assert ran.code == DEVIATES, said(ran)
    kept = [machine.folder / name for name in re.findall(r"zoom-privacy\.\w+", night)]
    assert kept
    assert [path.name for path in kept if not names_nobody(path)] == []
    without = {name: value for name, value in env.items() if not name.startswith("ZOOM_")}
    without |= machine.addresses()  # a run counts where it was read
    asked = machine.bash(gate, without)
    assert asked.code == DEVIATES, said(asked)
    assert asked.out.startswith("auditor gate: FAIL")
