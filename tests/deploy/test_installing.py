"""The recipes install what the lock says, and run nothing of the folder they are in."""

import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.test_runs import Machine, recipe, said
from tests.end_to_end.conftest import Ran
from tests.release_lock import NAME, locked, main

WHEEL = "zoom_privacy_auditor-0.1.0-py3-none-any.whl"
EXTRAS = "Provides-Extra: notify\nProvides-Extra: pdf\nProvides-Extra: postgresql\n"
METADATA = f"Metadata-Version: 2.1\nName: zoom-privacy-auditor\nVersion: 0.1.0\n{EXTRAS}"
TAGS = "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A checkout with a release in it, and a file that wants to be taken for a module."""
    made = Machine(tmp_path)
    release = tmp_path / "auditor-release"
    release.mkdir()
    with zipfile.ZipFile(release / WHEEL, "w") as wheel:
        info = "zoom_privacy_auditor-0.1.0.dist-info"
        for name, text in (("METADATA", METADATA), ("WHEEL", TAGS), ("RECORD", "")):
            wheel.writestr(f"{info}/{name}", text)
        wheel.writestr("auditor_of_this_release.py", "")
    (tmp_path / "requirements.lock").write_text("# nothing else\n")
    main(str(tmp_path / "requirements.lock"), str(release))
    for name in ("venv", "pip", "ensurepip"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run from the checkout')\n")
    return made


def github() -> tuple[str, dict[str, str]]:
    action = yaml.safe_load(recipe("github/action.yml"))
    (step,) = (each for each in action["runs"]["steps"] if each.get("name", "").startswith("Inst"))
    inputs = {name: each.get("default", "") for name, each in action["inputs"].items()}
    filled = {
        variable: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], value)
        for variable, value in step["env"].items()
    }
    return step["run"], filled


def gitlab() -> tuple[str, dict[str, str]]:
    job: dict[str, Any] = yaml.safe_load(recipe("gitlab/auditor.gitlab-ci.yml"))[".auditor"]
    return "\n".join(job["before_script"]), job["variables"]


def azure() -> tuple[str, dict[str, str]]:
    loaded = yaml.safe_load(recipe("azure/azure-pipelines.yml"))
    steps = [step for job in loaded["jobs"] for step in job["steps"]]
    script = next(each["bash"] for each in steps if "Install" in each.get("displayName", ""))
    named = {each["name"]: each["value"] for each in loaded["variables"] if "name" in each}
    return script, {name: value for name, value in named.items() if "$(" not in value}


def jenkins() -> tuple[str, dict[str, str]]:
    text = recipe("jenkins/Jenkinsfile")
    (script,) = (block for block in re.findall(r"sh '''(.*?)'''", text, re.S) if "venv" in block)
    return script, dict(re.findall(r"^\s+(AUDITOR_\w+) = '(.+)'$", text, re.M))


def installed(machine: Machine, script: str, variables: dict[str, str]) -> tuple[Ran, Path]:
    """What came of an installation, and where it went."""
    place = machine.folder / "agent"
    place.mkdir(exist_ok=True)
    script = script.replace("/tmp/auditor", str(place / "auditor"))
    folders = dict.fromkeys(("RUNNER_TEMP", "AGENT_TEMPDIRECTORY", "WORKSPACE_TMP"), str(place))
    python = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PIP_NO_INDEX": "1"}
    ran = machine.bash(script, {**variables, **folders, **python})
    return ran, place / "auditor"


@pytest.mark.slow
@pytest.mark.parametrize("of_recipe", [github, gitlab, azure, jenkins])
def test_a_release_is_installed_and_no_file_of_the_checkout_run(
    machine: Machine, of_recipe: Any
) -> None:
    ran, place = installed(machine, *of_recipe())
    assert ran.code == 0, said(ran)
    assert list(place.rglob("auditor_of_this_release.py"))


@pytest.mark.slow
def test_a_wheel_that_is_not_the_one_of_the_lock_is_refused(machine: Machine) -> None:
    with zipfile.ZipFile(machine.folder / "auditor-release" / WHEEL, "a") as wheel:
        wheel.writestr("more.py", "")
    ran, place = installed(machine, *gitlab())
    assert ran.code != 0
    assert "DO NOT MATCH THE HASHES" in ran.err
    assert not list(place.rglob("auditor_of_this_release.py"))


def test_the_lock_of_a_release_has_a_hash_of_the_wheel_beside_all_others(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"wheel")
    text = locked("requests==2 \\\n    --hash=sha256:00\n", tmp_path / WHEEL)
    first, _, name, digest = text.splitlines()
    assert first.startswith("requests==2")
    assert name.startswith("zoom-privacy-auditor[notify,pdf,postgresql,sandbox]==0.1.0 ")
    assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", digest)
    (tmp_path / "requirements.lock").write_text("")
    main(str(tmp_path / "requirements.lock"), str(tmp_path))
    assert (tmp_path / NAME).is_file()
