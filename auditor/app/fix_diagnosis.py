"""Whether the writing app may make the changes of a plan."""

from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.config.writing_credentials import writing_credentials
from auditor.doctor.model import DoctorReport
from auditor.doctor.writing import NEEDS, WritingInputs, examine_writing
from auditor.fix.model import FixPlan
from auditor.zoom.auth import Credentials


def diagnose_writing(settings: Settings, plan: FixPlan | None) -> DoctorReport:
    """Examine both apps for a plan; without one, for every kind of change."""
    changes = (
        frozenset(NEEDS)
        if plan is None
        else frozenset((step.kind, step.scope.level) for step in plan.automatic)
    )
    writing: Credentials | ConfigError
    reading: Credentials | ConfigError
    try:
        writing = writing_credentials(settings)
    except ConfigError as error:
        writing = error
    try:
        reading = settings.credentials()
    except ConfigError as error:
        reading = error
    case = WritingInputs(settings.api_url, settings.oauth_url, writing, reading, changes)
    return examine_writing(case)
