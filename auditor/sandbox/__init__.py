"""The sandbox: a simulated Zoom account, served over real HTTP on loopback.

It imports nothing else of ours and needs the extra `sandbox` (Starlette and uvicorn).
"""

from importlib.util import find_spec

if find_spec("starlette") is None or find_spec("uvicorn") is None:
    raise ImportError(
        "The sandbox needs two more packages: install the auditor with its extra [sandbox] "
        "(docs/operations/installing.md)."
    )

from auditor.sandbox.faults import Faults
from auditor.sandbox.scenarios import SCENARIOS
from auditor.sandbox.server import Sandbox, run, serve
from auditor.sandbox.service import Conduct
from auditor.sandbox.world import Planted, World

__all__ = ["SCENARIOS", "Conduct", "Faults", "Planted", "Sandbox", "World", "run", "serve"]
