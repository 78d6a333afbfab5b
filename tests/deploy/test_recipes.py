"""Every recipe in deploy/ is what the program that reads it takes, by that program's own linter."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor import __version__
from tests.cli.commands import output_text, ran
from tests.deploy import command_lines
from tests.deploy.command_lines import DEPLOY, ROOT

SCRIPTS = Path(sys.executable).parent
SERVICE = DEPLOY / "systemd" / "auditor-nightly.service"
TIMER = DEPLOY / "systemd" / "auditor-nightly.timer"
FLEET = DEPLOY / "systemd" / "auditor-fleet.service"
FLEET_TIMER = DEPLOY / "systemd" / "auditor-fleet.timer"
FLEET_WORKER = DEPLOY / "systemd" / "auditor-fleet-worker.service"
FLEET_MANIFEST = DEPLOY / "kubernetes" / "fleet.yaml"
WATCH = DEPLOY / "systemd" / "auditor-watch.service"
WATCH_SOCKET = DEPLOY / "systemd" / "auditor-watch.socket"
ACTION = DEPLOY / "github" / "action.yml"
WORKFLOWS = sorted((DEPLOY / "github").glob("auditor-*.yml"))
JENKINSFILE = DEPLOY / "jenkins" / "Jenkinsfile"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
EXAMPLE = ROOT / "policies" / "examples" / "organisation.yaml"

Linter = Callable[[str, Path], str]
"""Given a recipe's text and a folder to work in: what it complains of; empty for nothing."""

_EXPOSURE = 15
"""Tenths, of 100: what `systemd-analyze security` calls OK ends at 49. Measured: 11."""


def complaint(*command: object, **more: Any) -> str:
    """What a linter prints when it refuses; empty when it does not."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=120, **more
    )
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or "refused"


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def systemd(text: str, folder: Path) -> str:
    """`verify` complains on standard error and may still end with 0; both count."""
    stand_in = re.sub(r"/opt/auditor/bin/(auditor|dask)", sys.executable, text)
    units = {"[Timer]": TIMER, "[Socket]": WATCH_SOCKET, " watch ": WATCH, "": SERVICE}
    name = next(unit.name for mark, unit in units.items() if mark in text)
    for other in units.values():
        put(folder, other.name, other.read_text().replace("/opt/auditor/bin/auditor", "/bin/true"))
    unit = put(folder, name, stand_in)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stderr.strip() or ("refused" if done.returncode else "")


def exposed(text: str, folder: Path) -> str:
    return complaint(
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--threshold={_EXPOSURE}",
        put(folder, "auditor-nightly.service", text),
    )


def crontab(text: str, folder: Path) -> str:
    """Debian's cron checks with -n, which means something else to cronie; that has -T."""
    usage = subprocess.run(["crontab", "-h"], capture_output=True, text=True, timeout=60)
    dry_run = "-n" if "dry run" in usage.stdout + usage.stderr else "-T"
    return complaint("crontab", dry_run, put(folder, "crontab", text))


def hadolint(text: str, folder: Path) -> str:
    return complaint(SCRIPTS / "hadolint", put(folder, "Dockerfile", text))


def _schema(name: str, *options: str) -> Linter:
    def lint(text: str, folder: Path) -> str:
        path = put(folder, "recipe.yml", text)
        return complaint(
            SCRIPTS / "check-jsonschema", "--builtin-schema", f"vendor.{name}", *options, path
        )

    return lint


def azure(text: str, folder: Path) -> str:
    """Its schema knows texts only, as Azure Pipelines reads every scalar as a text."""
    texts = json.dumps(yaml.load(text, yaml.BaseLoader))
    return _schema(
        "azure-pipelines",
        "--data-transform=azure-pipelines",
        "--regex-variant=nonunicode",
    )(texts, folder)


def kubernetes(text: str, folder: Path) -> str:
    path = put(folder, "manifest.yaml", text)
    check = (SCRIPTS / "kubernetes-validate", "--strict", "--quiet")
    return complaint(*check, "--kubernetes-version=1.31", path) or complaint(*check, path)


def actionlint(text: str, folder: Path) -> str:
    """The workflow beside the action, as in a repository; shellcheck looks at what they run."""
    repository(folder)
    put(folder, ".github/workflows/recipe.yml", text)
    path = os.environ["PATH"]
    return complaint(
        SCRIPTS / "actionlint", cwd=folder, env={**os.environ, "PATH": f"{SCRIPTS}:{path}"}
    )


def zizmor(text: str, folder: Path) -> str:
    repository(folder)
    name = "actions/auditor/action.yml" if "using: composite" in text else "workflows/recipe.yml"
    put(folder, f".github/{name}", text)
    options = ("--offline", "--no-config", "--persona=auditor", "--min-severity=medium", "--quiet")
    return complaint(SCRIPTS / "zizmor", *options, folder)


def repository(folder: Path) -> None:
    """The recipes for GitHub where its pages say they belong."""
    (folder / ".git").mkdir(exist_ok=True)
    put(folder, ".github/actions/auditor/action.yml", ACTION.read_text(encoding="utf-8"))
    for workflow in WORKFLOWS:
        put(folder, f".github/workflows/{workflow.name}", workflow.read_text(encoding="utf-8"))


def jenkins(text: str, folder: Path) -> str:
    """Groovy of the line Jenkins runs on, and the words of a declarative pipeline.

    Jenkins itself checks a pipeline only in a running controller.
    """
    java = Path(shutil.which("java") or "java").resolve().parents[1]
    return complaint(
        "groovy",
        Path(__file__).with_name("declarative.groovy"),
        put(folder, "Jenkinsfile", text),
        env={**os.environ, "JAVA_HOME": str(java)},
    )


def pre_commit(what: str) -> Linter:
    def lint(text: str, folder: Path) -> str:
        path = put(folder, "hooks.yaml", text)
        cache = {**os.environ, "PRE_COMMIT_HOME": str(folder / "cache")}
        return complaint(SCRIPTS / "pre-commit", f"validate-{what}", path, env=cache)

    return lint


LINTED: tuple[tuple[str, Linter, Path, str, str], ...] = (
    ("systemd service", systemd, SERVICE, "Type=oneshot", "Type=oneshoot"),
    ("systemd hardening", exposed, SERVICE, "CapabilityBoundingSet=\n", ""),
    ("watch service", systemd, WATCH, "Type=exec", "Type=exex"),
    ("watch hardening", exposed, WATCH, "CapabilityBoundingSet=\n", ""),
    ("watch socket", systemd, WATCH_SOCKET, "ListenStream=127", "ListenStream=x127"),
    ("systemd timer", systemd, TIMER, "02:30:00 UTC", "02:61:00 UTC"),
    ("fleet service", systemd, FLEET, "Type=oneshot", "Type=oneshoot"),
    ("fleet hardening", exposed, FLEET, "CapabilityBoundingSet=\n", ""),
    ("fleet timer", systemd, FLEET_TIMER, "02:30:00 UTC", "02:61:00 UTC"),
    ("fleet worker", systemd, FLEET_WORKER, "Type=exec", "Type=exex"),
    ("fleet worker hardening", exposed, FLEET_WORKER, "CapabilityBoundingSet=\n", ""),
    ("fleet on kubernetes", kubernetes, FLEET_MANIFEST, "concurrencyPolicy:", "concurrency:"),
    ("cron", crontab, DEPLOY / "cron" / "auditor.crontab", "30 2 *", "30 25 *"),
    ("docker", hadolint, DEPLOY / "docker" / "Dockerfile", ":3.13-slim-bookworm", ":latest"),
    (
        "compose",
        _schema("compose-spec"),
        DEPLOY / "docker" / "compose.yaml",
        "read_only:",
        "readonly:",
    ),
    (
        "kubernetes",
        kubernetes,
        DEPLOY / "kubernetes" / "auditor.yaml",
        "concurrencyPolicy:",
        "concurrency:",
    ),
    (
        "kubernetes watch",
        kubernetes,
        DEPLOY / "kubernetes" / "auditor-watch.yaml",
        "ingressClassName:",
        "ingressClass:",
    ),
    ("github action", _schema("github-actions"), ACTION, "using: composite", "using: compositum"),
    (
        "github action's safety",
        zizmor,
        ACTION,
        '--find-links "$AUDITOR_RELEASE"',
        "--find-links ${{ inputs.release }}",
    ),
    *(
        each
        for flow in WORKFLOWS
        for each in (
            (
                f"{flow.stem} schema",
                _schema("github-workflows"),
                flow,
                "timeout-minutes:",
                "timeout:",
            ),
            (f"{flow.stem} actionlint", actionlint, flow, "mode:", "mood:"),
            (f"{flow.stem} safety", zizmor, flow, "persist-credentials: false", "fetch-depth: 1"),
        )
    ),
    (
        "gitlab",
        _schema("gitlab-ci", "--data-transform=gitlab-ci"),
        DEPLOY / "gitlab" / "auditor.gitlab-ci.yml",
        "when: never",
        "when: nevermore",
    ),
    (
        "azure",
        azure,
        DEPLOY / "azure" / "azure-pipelines.yml",
        "timeoutInMinutes:",
        "timeout:",
    ),
    ("jenkins", jenkins, JENKINSFILE, "steps {", "step {"),
    ("pre-commit hooks", pre_commit("manifest"), HOOKS, "language: system", "language: sytem"),
    (
        "pre-commit configuration",
        pre_commit("config"),
        DEPLOY / "pre-commit" / "pre-commit-config.yaml",
        "repo: local",
        "repository: local",
    ),
)
"""A name, the linter, the recipe, and a mistake: what to write in place of what."""


PROGRAMS: dict[Linter, str] = {
    systemd: "systemd-analyze",
    exposed: "systemd-analyze",
    crontab: "crontab",
    jenkins: "groovy",
}
"""The system program of a linter; the others are Python packages."""


def needed(lint: Linter) -> list[pytest.MarkDecorator]:
    return [pytest.mark.needs(PROGRAMS[lint])] if lint in PROGRAMS else []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lint", "recipe", "right", "wrong"),
    [pytest.param(*each[1:], marks=needed(each[1]), id=each[0]) for each in LINTED],
)
def test_its_own_linter_takes_the_recipe_and_refuses_it_with_a_mistake(
    lint: Linter, recipe: Path, right: str, wrong: str, tmp_path: Path
) -> None:
    text = recipe.read_text(encoding="utf-8")
    assert lint(text, tmp_path) == ""
    assert right in text
    assert lint(text.replace(right, wrong), tmp_path) != ""


def test_every_recipe_is_linted() -> None:
    linted = {recipe for _, _, recipe, _, _ in LINTED}
    others = {
        DEPLOY / "systemd" / "auditor.env",  # below
        DEPLOY / "systemd" / "auditor.sysusers.conf",  # below
        DEPLOY / "docker" / "Dockerfile.dockerignore",  # below
    }
    assert {path for path in DEPLOY.rglob("*") if path.is_file()} == linted - {HOOKS} | others


@pytest.mark.slow
@pytest.mark.needs("systemd-analyze")
def test_the_user_of_the_service_is_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    recipe = DEPLOY / "systemd" / "auditor.sysusers.conf"
    assert complaint("systemd-sysusers", f"--root={tmp_path}", recipe) == ""
    made = (tmp_path / "etc" / "passwd").read_text()
    assert re.search(r"^auditor:.*:/var/lib/auditor:/usr/sbin/nologin$", made, re.MULTILINE)


def test_the_environment_file_sets_what_the_program_knows() -> None:
    known = (ROOT / ".env.example").read_text(encoding="utf-8") + (
        ROOT / "auditor" / "config" / "settings.py"
    ).read_text(encoding="utf-8")
    text = (DEPLOY / "systemd" / "auditor.env").read_text(encoding="utf-8")
    names = set(re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)) - {
        "AUDITOR_NIGHTLY_OPTIONS",
        "AUDITOR_FLEET_OPTIONS",
        "AUDITOR_WATCH_OPTIONS",
        "AUDITOR_SCHEDULER",  # of the unit, not of the program
    }
    assert {name for name in names if name not in known} == set()


def test_every_recipe_names_this_version() -> None:
    named = {
        path.relative_to(DEPLOY): set(
            re.findall(r"(?<![\d.])0\.\d+\.\d+\b(?!\.\d)", path.read_text("utf-8"))
        )
        for path in DEPLOY.rglob("*")
        if path.is_file()
    }
    assert {path: found for path, found in named.items() if found - {__version__}} == {}
    assert sum(bool(found) for found in named.values()) >= 6


def test_every_action_is_pinned_to_a_commit_and_says_which_release_that_is() -> None:
    used = [
        line.strip()
        for path in (ACTION, *WORKFLOWS)
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\buses: (?!\./)", line) and not line.lstrip().startswith("#")
    ]
    assert used
    pinned = re.compile(r"(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [line for line in used if not pinned.fullmatch(line)] == []


# --- The shell in them


def scripts() -> Iterator[tuple[str, str]]:
    """The shell scripts of the recipes whose linters do not look at them."""
    gitlab = yaml.safe_load((DEPLOY / "gitlab" / "auditor.gitlab-ci.yml").read_text("utf-8"))
    for name, job in gitlab.items():
        yield f"gitlab {name}", "\n".join([*job.get("before_script", ()), *job.get("script", ())])
    pipeline = yaml.safe_load((DEPLOY / "azure" / "azure-pipelines.yml").read_text("utf-8"))
    for job in pipeline["jobs"]:
        for step in job["steps"]:
            if "bash" in step:
                yield f"azure {job['job']} {step['displayName']}", step["bash"]
    groovy = JENKINSFILE.read_text(encoding="utf-8")
    for number, (block, line) in enumerate(re.findall(r"sh '(?:''(.*?)''|(.+?))'", groovy, re.S)):
        yield f"jenkins {number}", block or line
    cron = (DEPLOY / "cron" / "auditor.crontab").read_text(encoding="utf-8")
    yield "cron", next(line for line in cron.splitlines() if line[:1].isdigit()).split(None, 5)[5]
    for step in yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]:
        if "run" in step:
            yield f"github action {step['name']}", step["run"]


@pytest.mark.slow
def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    found = {}
    for where, script in scripts():
        shell = "bash" if where.startswith(("github", "azure")) else "sh"
        found[where] = complaint(SCRIPTS / "shellcheck", f"--shell={shell}", "-", input=script)
    assert {where: text for where, text in found.items() if text} == {}


@pytest.mark.slow
def test_shellcheck_sees_the_scripts_of_every_pipeline() -> None:
    kinds = [name.split()[0] for name, _ in scripts()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "gitlab": 3,
        "azure": 4,
        "jenkins": 3,
        "cron": 1,
        "github": 4,
    }
    assert complaint(SCRIPTS / "shellcheck", "--shell=sh", "-", input="cd $1\nls *.x") != ""


# --- The commands in them


def test_every_command_line_is_one_the_program_takes() -> None:
    lines = command_lines.in_everything()
    refused = {str(line): command_lines.problem(line.words) for line in lines}
    assert len(refused) > 50
    assert {line: reason for line, reason in refused.items() if reason is not None} == {}


def test_command_lines_are_found_in_every_recipe_and_page() -> None:
    found = {line.where for line in command_lines.in_everything()}
    silent = {
        "deploy/docker/Dockerfile.dockerignore",
        "deploy/systemd/auditor-fleet-worker.service",  # runs Dask
        "deploy/systemd/auditor-fleet.timer",
        "deploy/systemd/auditor-nightly.timer",
        "deploy/systemd/auditor-watch.socket",
        "deploy/systemd/auditor.env",  # read with the service
        "deploy/systemd/auditor.sysusers.conf",
        *(f"deploy/github/{flow.name}" for flow in WORKFLOWS),  # they use the action
    }
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    files += command_lines.PAGES.glob("*.md")
    assert {str(path.relative_to(ROOT)) for path in files} - found == silent


@pytest.mark.parametrize(
    "script",
    [
        "sudo -u auditor AUDITOR_HOME=/x /opt/auditor/bin/auditor nightly --max-agee 3h",
        "cd /x && auditor gate --faill-on high > log 2>&1 || echo no",
        'options=(--orgg "$ORG")\n"$RUNNER_TEMP/auditor/bin/auditor" gate "${options[@]}"',
        "docker run --rm registry.example.com/auditor:1 nightly --dedline 6h",
        "auditor nightly \\\n  --keepp 90d",
        "auditor nightlie",
        "auditor gate --fail-on hihg",
    ],
)
def test_a_command_line_with_a_slip_is_found_and_refused(script: str) -> None:
    (words,) = command_lines.in_shell(script)
    assert command_lines.problem(words) is not None


# --- What they rely on


def test_the_hooks_check_organisation_files_and_baselines(tmp_path: Path) -> None:
    broken = put(tmp_path, "organisation.yaml", "baseline: regulated\nwaiver: []\n")
    meant = (["organisation.yaml", "zoom/organization-eu.yml"], ["policies/baselines/ours.yaml"])
    for path in (HOOKS, DEPLOY / "pre-commit" / "pre-commit-config.yaml"):
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        hooks = loaded if isinstance(loaded, list) else loaded["repos"][0]["hooks"]
        for hook, files in zip(hooks, meant, strict=True):
            assert [name for name in files if not re.search(hook["files"], name)] == []
            assert not re.search(hook["files"], "docker-compose.yaml")
            name, *words = hook["entry"].split()
            assert name == "auditor"
            assert ran(*words, EXAMPLE).exit_code == 0
            refused = ran(*words, EXAMPLE, broken)
            assert refused.exit_code == 2
            assert "waiver: unknown key" in output_text(refused)


def test_the_organisation_file_of_the_config_map_is_one(tmp_path: Path) -> None:
    manifest = (DEPLOY / "kubernetes" / "auditor.yaml").read_text(encoding="utf-8")
    (config,) = (d for d in yaml.safe_load_all(manifest) if d["kind"] == "ConfigMap")
    path = put(tmp_path, "organisation.yaml", config["data"]["organisation.yaml"])
    assert ran("baseline", "check", path).exit_code == 0


def test_only_the_workers_of_a_fleet_see_the_accounts_credentials(tmp_path: Path) -> None:
    documents = [*yaml.safe_load_all(FLEET_MANIFEST.read_text(encoding="utf-8"))]
    seen = {}
    for each in documents:
        if each["kind"] in ("Deployment", "CronJob"):
            spec = each["spec"].get("jobTemplate", each)["spec"]["template"]
            of = json.dumps(spec["spec"]["volumes"])
            seen[spec["metadata"]["labels"]["app.kubernetes.io/component"]] = {
                name for name in ("auditor-fleet-zoom", "auditor-fleet-store") if name in of
            }
    assert seen == {
        "scheduler": set(),
        "worker": {"auditor-fleet-zoom", "auditor-fleet-store"},
        "client": {"auditor-fleet-store"},
    }
    (config,) = (each for each in documents if each["kind"] == "ConfigMap")
    path = put(tmp_path, "fleet.yaml", config["data"]["fleet.yaml"])
    assert "1 account" in output_text(ran("fleet", "list", "--fleet", path))


def test_the_cron_job_is_not_tried_again_for_what_another_try_would_not_change() -> None:
    manifest = (DEPLOY / "kubernetes" / "auditor.yaml").read_text(encoding="utf-8")
    (job,) = (d for d in yaml.safe_load_all(manifest) if d["kind"] == "CronJob")
    rules = job["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    final = [1, 2, 3, 5]
    assert [r["onExitCodes"]["values"] for r in rules if "onExitCodes" in r] == [final]
    service = SERVICE.read_text(encoding="utf-8")
    assert f"RestartPreventExitStatus={' '.join(map(str, final))}\n" in service


@pytest.mark.slow
def test_the_wheel_is_made_of_what_the_dockerfile_copies(tmp_path: Path) -> None:
    dockerfile = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
    ignored = (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    copied = [
        name
        for names in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
        for name in names.split()
    ]
    assert [name for name in copied if f"!{name}" not in ignored] == []
    for name in copied:
        if (ROOT / name).is_dir():
            without = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, tmp_path / "src" / name, ignore=without)
        else:
            put(tmp_path, f"src/{name}", (ROOT / name).read_text(encoding="utf-8"))
    wheel = ("-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps")
    assert complaint(sys.executable, *wheel, "--wheel-dir", tmp_path, tmp_path / "src") == ""
    (built,) = tmp_path.glob("zoom_privacy_auditor-*.whl")
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    assert "auditor/policies/controls/ai.yaml" in names
    assert any(name.endswith("entry_points.txt") for name in names)


# --- Where they install from

PLACES = [
    path
    for path in (
        *DEPLOY.rglob("*"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "auditor").rglob("*.py"),
        ROOT / "README.md",
        ROOT / "Makefile",
        ROOT / ".ci" / "run",
        ROOT / ".pre-commit-hooks.yaml",
    )
    if path.is_file()
]


def test_nothing_installs_the_auditor_by_its_bare_name() -> None:
    by_name = re.compile(r"(pip\S* install|additional_dependencies)[^\n]*zoom-privacy-auditor(?!/)")
    found = {
        str(path.relative_to(ROOT)) for path in PLACES if by_name.search(path.read_text("utf-8"))
    }
    assert found <= {"deploy/docker/Dockerfile"}  # from the folder of the wheels alone


def test_every_recipe_installs_with_hashes_and_runs_python_isolated() -> None:
    wrong = []
    for path in (each for each in PLACES if each.is_relative_to(DEPLOY)):
        text = re.sub(r"\\\n\s*|>-\n\s*", " ", path.read_text("utf-8"))
        text = re.sub(r"\n\s+--", " --", text)
        for command in re.split(r"&&|;|\n", text):
            installs = re.search(r"\bpip\b.* (install|wheel) ", command)
            if installs and not re.search(r"--require-hashes|--no-index|--no-deps \.", command):
                wrong.append(f"{path.name}: {command}")
            for options in re.findall(r"\bpython3?\"?((?: -\w+)*) -m ", command):
                if "-I" not in options:
                    wrong.append(f"{path.name}: {command}")
    assert wrong == []


def test_the_volume_s_own_folder_is_not_the_data_directory() -> None:
    manifest = (DEPLOY / "kubernetes" / "auditor.yaml").read_text(encoding="utf-8")
    (job,) = (d for d in yaml.safe_load_all(manifest) if d["kind"] == "CronJob")
    (found,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each["value"] for each in found["env"]}
    mounts = {each["name"]: each["mountPath"] for each in found["volumeMounts"]}
    assert Path(env["AUDITOR_HOME"]).parent == Path(mounts["data"])
