"""The house keeps its plan: imports run down, all that is public is explained, files are short."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "auditor"
PAGE = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
LONGEST_FILE = 800
"""Lines."""
MOST_STATIONS = 20

FLOORS: Mapping[str, int] = {
    "cli": 6,
    "app": 5,
    "bundle": 4,
    "doctor": 4,
    "fix": 4,
    "fleet": 4,
    "watch": 4,
    "collect": 3,
    "policy": 3,
    "report": 3,
    "store": 3,
    "notify": 3,
    "surfaces": 2,
    "findings": 2,
    "writing": 2,
    "config": 2,
    "zoom": 1,
    "evidence": 1,
    "secrets": 1,
    "files": 0,
    "plain_text": 0,
    "redaction": 0,
    "errors": -1,
}
"""The level of each package: a package imports only from lower levels."""

POLICY_PARTS = ("catalogue", "reading", "baseline", "judging", "evaluation")
"""The parts of the policy room: each imports only from itself and from those before it."""

SANDBOX_ROOM = "sandbox"
"""Imports none of the other packages."""
DOOR = "auditor.cli.sandbox"
"""The only module that may import it."""

SHARED = {
    ("zoom", "auditor.evidence.reading"),
    ("zoom", "auditor.evidence.json_values"),
    ("report", "auditor.policy.catalogue.operators"),
    ("report", "auditor.policy.catalogue.glossary"),
    ("report", "auditor.policy.catalogue.parameters"),
    ("report", "auditor.policy.catalogue.words"),
    ("notify", "auditor.policy.catalogue.words"),
    ("notify", "auditor.policy.catalogue.portal"),
    ("report", "auditor.policy.catalogue.portal"),
}
"""The JSON type is shared by the code that receives documents and the code that stores them.

Reports take the words of an operator from the operator, and those of settings and values, like
messages, from the words of the catalogue.
"""

CLI_IMPORTS_NONE_OF = frozenset({"store", "collect", "zoom", "policy"})
"""Packages that commands use only through `app`."""

Tree = Mapping[str, str]
"""Module name to source."""


def tree(folder: Path = PACKAGE) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


@cache
def parsed(source: str) -> ast.Module:
    """The tree of a source, parsed once."""
    return ast.parse(source)


@cache
def import_nodes(source: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The imports of a source. Cached: each planted import is looked for in the whole tree."""
    nodes = ast.walk(parsed(source))
    return tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def imported(module: str, source: str, modules: Tree) -> Iterator[str]:
    """Modules of ours that `source` imports; `from auditor.app import audit` counts too."""
    is_package = any(other.startswith(f"{module}.") for other in modules)
    for node in import_nodes(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("auditor."))
        else:
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, *([base] if base else [])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                if name in modules:
                    yield name
                elif base.startswith("auditor."):
                    yield base


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def wrong_imports(modules: Tree) -> list[str]:
    """Every import that runs up, sideways, into the sandbox or out of it."""
    wrong = []
    for module, source in modules.items():
        here = room(module)
        for target in imported(module, source, modules):
            there = room(target)
            if here in ("", "__main__"):
                allowed = there == "cli"
            elif here == there or (here, target) in SHARED:
                allowed = True
            elif there == SANDBOX_ROOM:
                allowed = module == DOOR
            elif here == SANDBOX_ROOM:
                allowed = False
            else:
                allowed = FLOORS[there] < FLOORS[here]
            if not allowed:
                wrong.append(f"{module} imports {target}")
    return wrong


def undocumented(modules: Tree) -> list[str]:
    """Public functions, classes and methods without a docstring."""
    missing = []
    for module, source in modules.items():
        tree_of_module = parsed(source)
        if not ast.get_docstring(tree_of_module):
            missing.append(module)
        missing += [f"{module}.{name}" for name in _bare(tree_of_module)]
    return missing


def _bare(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if child.name.startswith("_"):
            continue
        if not ast.get_docstring(child):
            yield prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from _bare(child, f"{prefix}{child.name}.")


def test_every_room_of_the_package_has_a_floor() -> None:
    rooms = {room(module) for module in tree()} - {"", "__main__"}
    assert rooms == {*FLOORS, SANDBOX_ROOM}


def test_imports_only_run_down() -> None:
    assert wrong_imports(tree()) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("auditor.policy.judging.judge", "from auditor.app.audit import judge"),
        ("auditor.policy.judging.judge", "from auditor.app import audit"),
        ("auditor.policy.judging.judge", "import auditor.cli.main"),
        (
            "auditor.policy.judging.judge",
            "def f():\n    from auditor.collect.collector import Walk",
        ),
        ("auditor.policy.judging.judge", "from ...store import runs"),
        ("auditor.zoom.client", "from auditor.evidence.scope import Level"),
        ("auditor.findings.model", "from auditor import config"),
        ("auditor.app.audit", "from auditor.sandbox import serve"),
        ("auditor.cli.audit", "from auditor.sandbox import serve"),
        ("auditor.sandbox.world", "from auditor.evidence.scope import Level"),
        ("auditor", "from auditor.zoom.client import ZoomClient"),
    ],
)
def test_an_import_that_runs_up_or_sideways_is_found(module: str, source: str) -> None:
    planted = {**tree(), module: source}
    assert len(wrong_imports(planted)) == 1
    assert wrong_imports(planted)[0].startswith(f"{module} imports auditor.")


def bypasses_of_app(modules: Tree) -> dict[str, list[str]]:
    """The modules of `cli` that use a room below `app` directly, with what they import of it."""
    found = {}
    for module, source in modules.items():
        if room(module) == "cli":
            targets = sorted(set(imported(module, source, modules)))
            if wrong := [target for target in targets if room(target) in CLI_IMPORTS_NONE_OF]:
                found[module.split(".", 2)[2]] = wrong
    return found


def test_commands_use_the_rooms_below_only_through_app() -> None:
    assert bypasses_of_app(tree()) == {}


@pytest.mark.parametrize(
    "source",
    [
        "from auditor.store.runs import Runs",
        "def f():\n    from auditor.zoom import client",
        "if TYPE_CHECKING:\n    from auditor.policy.catalogue.controls import Catalogue",
        "import auditor.collect.collector",
    ],
)
def test_a_command_that_bypasses_app_is_found(source: str) -> None:
    assert "progress" in bypasses_of_app({**tree(), "auditor.cli.progress": source})


def policy_imports_up(modules: Tree) -> list[str]:
    """Every import of a higher part of the policy room by a lower one."""

    def part(module: str) -> int:
        return POLICY_PARTS.index(module.split(".")[2])

    return [
        f"{module} imports {target}"
        for module, source in modules.items()
        if module.startswith("auditor.policy.")
        for target in imported(module, source, modules)
        if target.startswith("auditor.policy.") and part(target) > part(module)
    ]


def test_the_parts_of_the_policy_room_import_only_lower_ones() -> None:
    assert policy_imports_up(tree()) == []


def test_a_part_of_the_policy_room_that_imports_a_higher_one_is_found() -> None:
    planted = {
        **tree(),
        "auditor.policy.reading.lookup": "from auditor.policy.judging import judge",
    }
    assert len(policy_imports_up(planted)) == 1


def exports(source: str) -> set[str]:
    """The names in `__all__`."""
    for node in parsed(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def rooms_and_parts(modules: Tree) -> list[str]:
    """The packages that have a face: every room that is one, and the parts of the policy room."""
    return [
        module
        for module in modules
        if module.count(".") == 1 + module.startswith("auditor.policy.")
        and any(other.startswith(f"{module}.") for other in modules)
    ]


def wrong_faces(modules: Tree) -> list[str]:
    """Every import of a module that its room does not name in `__all__`, from outside the room."""
    faces = {face: exports(modules[face]) for face in rooms_and_parts(modules)}
    return [
        f"{module} imports {target}"
        for module, source in modules.items()
        for target in imported(module, source, modules)
        for face, names in faces.items()
        if target.startswith(f"{face}.") and not f"{module}.".startswith(f"{face}.")
        if target.removeprefix(f"{face}.").split(".")[0] not in names
    ]


def test_a_room_is_entered_through_the_modules_that_it_names() -> None:
    assert wrong_faces(tree()) == []


def test_an_import_past_the_face_of_a_room_is_found() -> None:
    planted = {
        **tree(),
        "auditor.zoom.inner": "",
        "auditor.policy.baseline.inner": "",
        "auditor.policy.judging.new": "from auditor.policy.baseline.inner import x",
        "auditor.app.new": "from auditor.zoom import inner",
    }
    assert wrong_faces(planted) == [
        "auditor.policy.judging.new imports auditor.policy.baseline.inner",
        "auditor.app.new imports auditor.zoom.inner",
    ]


def test_every_room_names_what_others_may_use_and_nothing_that_is_not_there() -> None:
    modules = tree()
    for face in rooms_and_parts(modules):
        names = exports(modules[face])
        assert names, face
        package = import_module(face)
        missing = {name for name in names if f"{face}.{name}" not in modules}
        assert [name for name in missing if not hasattr(package, name)] == [], face


def test_everything_public_has_a_docstring() -> None:
    assert undocumented(tree()) == []


def test_a_missing_docstring_is_found() -> None:
    planted = {"auditor.x": '"""Module."""\nclass A:\n    """A."""\n    def f(self): ...\n'}
    assert undocumented(planted) == ["auditor.x.A.f"]


def test_no_module_is_named_for_being_useful() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [module for module in tree() if vague & set(module.split("."))] == []


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    assert [m for m, source in tree().items() if source.count("\n") > LONGEST_FILE] == []


def section(title: str) -> str:
    """The text of the page under a heading."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_page_shows_each_room_on_its_floor() -> None:
    rows = re.findall(r"^\| (-?\d|beside) \| (.*) \|$", section("Floors"), re.MULTILINE)
    shown = {name: floor for floor, rooms in rows for name in re.findall(r"`(\w+)`", rooms)}
    assert shown == {name: str(floor) for name, floor in FLOORS.items()} | {SANDBOX_ROOM: "beside"}


def test_the_page_says_what_each_room_is_for() -> None:
    described = re.findall(r"^\| `(\w+)` \| .+ \|$", section("Rooms"), re.MULTILINE)
    assert sorted(described) == sorted([*FLOORS, SANDBOX_ROOM])


def test_the_page_names_every_use_case() -> None:
    rows = re.findall(r"^\| (`.+`) \| .+ \|$", section("Use cases"), re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(rows))
    modules = [module for module in tree() if module.startswith("auditor.app.")]
    assert sorted(named) == [module.removeprefix("auditor.app.") for module in modules]


def test_every_station_on_the_page_exists() -> None:
    text = section("From an HTTP response to a line of the report")
    stations = re.findall(r"^\d+\. `([\w.]+)\.(\w+)`", text, re.MULTILINE)
    assert len(stations) == len(re.findall(r"^\d+\. ", text, re.MULTILINE))
    assert 0 < len(stations) <= MOST_STATIONS
    for module, name in stations:
        assert hasattr(import_module(f"auditor.{module}"), name), f"{module}.{name}"


DIALECT = frozenset(
    [
        "told",
        "kept",
        "given",
        "said",
        "beside",
        "errand",
        "errands",
        "marks",
        "lives",
        "standing",
        "standings",
        "spells",
        "harmless",
        "looseness",
        "settle",
        "settled",
        "settlements",
        "lent",
        "lends",
        "doubt",
        "wanted",
        "asked",
        "met",
        "taken",
        "tried",
        "holding",
        "hoisted",
        "bearing",
        "bearings",
        "extent",
    ]
)
"""Words that once named things in this code, each with several meanings. None is a name."""
OF_THE_CONTRACT = frozenset({"asked_by"})
"""Keys of policy files and reports, which stay as they are."""


def names_of(module: ast.AST) -> Iterator[str]:
    """Every name that a module defines or uses."""
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.keyword(arg=str(name)):
                yield name


def test_no_name_is_a_word_of_the_old_dialect() -> None:
    wrong = {
        f"{module}: {name}"
        for module, source in tree().items()
        for name in names_of(parsed(source))
        if name not in OF_THE_CONTRACT and DIALECT & set(name.lower().strip("_").split("_"))
    }
    assert sorted(wrong) == []


def test_no_class_name_stands_for_two_things() -> None:
    places: dict[str, list[str]] = {}
    for module, source in tree().items():
        for node in ast.walk(parsed(source)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
