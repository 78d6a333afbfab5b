"""System programs that some tests need, and the Debian packages that bring them.

A test says `@pytest.mark.needs("chromium")` and is skipped where the program is missing; the end of
the run says which programs were missing and how to install them. CI installs all of them:
`python3 tests/programs.py` prints the missing packages. Needs nothing but the standard library.
"""

import ctypes.util
import shutil
from pathlib import Path

PROGRAMS = {
    "chromium": "chromium",
    "crontab": "cron",
    "dbus-daemon": "dbus",
    "faketime": "faketime",
    "gnome-keyring-daemon": "gnome-keyring",
    "groovy": "groovy",
    "openssl": "openssl",
    "pdftotext": "poppler-utils",
    "postgresql": "postgresql",
    "soffice": "libreoffice-calc",
    "systemd-analyze": "systemd",
}
"""Debian's package of each program. PostgreSQL's server programs are not on the PATH there."""

_LIBRARIES = {
    "pango-1.0": "libpango-1.0-0",
    "pangoft2-1.0": "libpangoft2-1.0-0",
    "harfbuzz-subset": "libharfbuzz-subset0",
}
"""Libraries that the PDF report loads."""

_FONTS = Path("/usr/share/fonts/truetype/dejavu"), "fonts-dejavu-core"


def postgresql_programs() -> Path | None:
    """The folder of the newest installed PostgreSQL server's programs."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if installed:
        return installed[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).parent if elsewhere else None


def is_installed(program: str) -> bool:
    """Whether a program of `PROGRAMS` is there. Raises `KeyError` for any other."""
    PROGRAMS[program]
    if program == "postgresql":
        return postgresql_programs() is not None
    return shutil.which(program) is not None


def missing_packages() -> list[str]:
    """The Debian packages that the whole suite would need besides those installed."""
    missing = [package for program, package in PROGRAMS.items() if not is_installed(program)]
    missing += [
        package for name, package in _LIBRARIES.items() if not ctypes.util.find_library(name)
    ]
    folder, package = _FONTS
    return missing if folder.exists() else [*missing, package]


if __name__ == "__main__":
    print(" ".join(missing_packages()))
