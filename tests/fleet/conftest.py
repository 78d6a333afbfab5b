"""The browser comes with the `ci` extra; all of its tests are slow."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("playwright") else ["test_page_in_browser.py"]
