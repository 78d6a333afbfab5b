"""JSON Schemas of the policy files, for completion and validation in editors."""

from typing import Any, Literal

from auditor.policy.baseline.baselines import BaselineFile
from auditor.policy.baseline.organisation import OrganisationFile
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.operators import OPERATORS
from auditor.policy.catalogue.parameters import known_parameters

SHORT_FORMS: list[dict[str, Any]] = [
    {"type": kind} for kind in ("boolean", "integer", "number", "string", "array")
]
"""The short forms of `{op: eq, value: …}`."""

Kind = Literal["baseline", "organisation"]


def schema(kind: Kind, catalogue: Catalogue) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a baseline file or an organisation file.

    Names of controls, operators and parameters are enumerated, so that an editor can offer them.
    """
    model = BaselineFile if kind == "baseline" else OrganisationFile
    document = model.model_json_schema(by_alias=True)
    definitions = document["$defs"]
    definitions["Expectation"]["properties"]["op"]["enum"] = sorted(OPERATORS)
    choice = definitions["ControlChoice"]["properties"]
    expectation = {"anyOf": [{"$ref": "#/$defs/Expectation"}, *SHORT_FORMS]}
    choice["expect"] = expectation
    choice["settings"] = {"type": "object", "additionalProperties": expectation}
    shipped = {"enum": sorted(catalogue.controls)}
    if kind == "baseline":
        document["properties"]["controls"]["propertyNames"] = shipped
    else:
        own = definitions["OwnControl"]["properties"]
        own["expect"] = expectation
        prefixes = sorted({control_id.rsplit("-", 1)[0] for control_id in catalogue.controls})
        own_id = own["id"]["pattern"].replace("^", f"^(?!({'|'.join(prefixes)})-)", 1)
        ids = {"anyOf": [shipped, {"pattern": own_id}]}
        document["properties"]["parameters"]["type"] = ["object", "null"]
        definitions["Override"]["properties"]["controls"]["propertyNames"] = ids
        definitions["Waiver"]["properties"]["control"] |= ids
        definitions["Attestation"]["properties"]["control"] |= ids
        definitions["BlindSpot"]["properties"]["control"]["anyOf"][0] |= ids
    document["properties"]["parameters"]["propertyNames"] = {"enum": sorted(known_parameters())}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}
