"""Signed runs: a signed statement of a stored run and its evidence, made when the run is stored.

The acceptance of a run is signed too, when it is made.

Every reader computes the statement again, from the run's row in the history and from its evidence,
so that neither can be replaced. A signature does not prove that a run is the newest, nor that no
run is missing.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from auditor.config.settings import VARIABLES, Settings
from auditor.evidence.errors import SnapshotError
from auditor.evidence.reading import JsonValue
from auditor.evidence.snapshot_reader import SnapshotReader
from auditor.evidence.timestamps import format_or_none, format_rfc3339
from auditor.findings.drift import RunFacts
from auditor.plain_text import join_and
from auditor.secrets import keys

if TYPE_CHECKING:  # slow to load, and needed only to sign or verify
    from auditor.secrets.signing import PublicKey, Signer

SCHEMA = "auditor/run/v1"
"""The schema of the statement. It is signed before the statement, so that no other signature is
valid."""
ACCEPTANCE_SCHEMA = "auditor/acceptance/v1"
"""The schema of the statement of an acceptance."""
CHECKPOINT_SCHEMA = "auditor/checkpoint/v1"
"""The schema of the statement of a copy of a run under way."""
MAX_LENGTH = 64 * 1024
"""Maximum characters of a signature with its statement: some 2,000 are usual."""

_log = logging.getLogger(__name__)

_LABELS = {
    "run": "its id",
    "account_id": "the account",
    "api_url": "the address of the API",
    "started_at": "when it began",
    "finished_at": "when it ended",
    "depth": "the depth",
    "selection": "the selection of controls",
    "baseline_id": "the baseline",
    "baseline_version": "the version of the baseline",
    "baseline_digest": "the digest of the baseline",
    "organisation_digest": "the digest of the organisation file",
    "evidence_digest": "the evidence",
    "findings_digest": "the findings",
    "place": "the place of the API",
    "accepted_at": "when it was accepted",
    "note": "the note",
    "circumstances_digest": "the times or requests of the evidence",
    "facts_digest": "what the evidence says of the run, what it was judged with included",
    "oldest_evidence_at": "the time of the oldest evidence",
    "complete": "whether it is complete",
    "stopped": "why it stopped",
    "simulated": "whether it is simulated",
    "exit_code": "the exit code",
    "fail_on": "the threshold",
    "tool_version": "the version of the auditor",
    "by_status": "the counts by status",
    "by_severity": "the counts by severity",
    "coverage": "how many scopes it covers",
    "controls": "the controls",
}
"""What errors call the fields of a statement."""

_ALSO_IN_EVIDENCE = {
    "run": "run_id",
    "account_id": "account_id",
    "api_url": "api_url",
    "started_at": "started_at",
    "finished_at": "finished_at",
}
"""Fields that are also in the evidence, with the key of its metadata."""


class SignatureError(SnapshotError):
    """The signature of a run is missing or invalid. The message gives the reason."""


class SignedByAnother(SignatureError):
    """The signature is valid, but not made with the trusted key."""


class SignedStatement(Protocol):
    """A run as stored in its row of the history."""

    @property
    def facts(self) -> RunFacts:
        """The facts of the run."""

    @property
    def selection(self) -> str:
        """Digest of the requested controls; empty for all."""

    @property
    def stopped(self) -> str:
        """Why it ended early; empty if it did not."""

    @property
    def signature(self) -> str:
        """The result of `sign`; empty if the run is not signed."""

    @property
    def findings_digest(self) -> str:
        """A digest of the states of its findings; empty for a run of an earlier version."""

    @property
    def place(self) -> str:
        """The place of its account."""


class StoredAcceptance(Protocol):
    """The acceptance of a run as stored in its row of the history."""

    @property
    def entry(self) -> SignedStatement:
        """The accepted run."""

    @property
    def accepted_at(self) -> str:
        """When, RFC 3339."""

    @property
    def note(self) -> str:
        """Why."""

    @property
    def signature(self) -> str:
        """The result of `sign_acceptance`; empty if it is not signed."""


def statement(entry: SignedStatement, evidence: SnapshotReader) -> dict[str, JsonValue]:
    """The signed statement of a run: its row, and digests of all of its evidence.

    Raises:
        SnapshotError: the evidence differs from what was recorded.
    """
    facts, totals = entry.facts, evidence.verified()
    evidence_facts = json.dumps(sorted(evidence.facts().items()))
    return {
        "run": facts.id,
        "account_id": facts.account_id,
        "api_url": facts.api_url,
        "started_at": format_rfc3339(facts.started_at),
        "finished_at": format_rfc3339(facts.finished_at),
        "depth": str(facts.depth),
        "selection": entry.selection,
        "baseline_id": facts.baseline.id,
        "baseline_version": facts.baseline.version,
        "baseline_digest": facts.baseline.digest,
        "organisation_digest": facts.organisation_digest,
        "evidence_digest": totals.digest,
        "findings_digest": entry.findings_digest,
        "circumstances_digest": totals.circumstances,
        "facts_digest": "sha256:" + hashlib.sha256(evidence_facts.encode()).hexdigest(),
        "oldest_evidence_at": format_or_none(facts.oldest_evidence_at) or "",
        "complete": bool(facts.complete),
        "stopped": entry.stopped,
        "simulated": bool(facts.simulated),
        "exit_code": int(facts.exit_code),
        "fail_on": str(facts.fail_on),
        "tool_version": facts.tool_version,
        "by_status": _counts(facts.by_status),
        "by_severity": _counts(facts.by_severity),
        "coverage": _counts(facts.coverage),
        "controls": [*sorted(facts.controls)],
    }


def sign(entry: SignedStatement, evidence: SnapshotReader, signer: "Signer") -> str:
    """The signature of a run as JSON: the statement, the key and the signature itself.

    Raises:
        SnapshotError: the evidence differs from what was recorded.
    """
    return _signed(SCHEMA, statement(entry, evidence), signer)


def sign_acceptance(acceptance: StoredAcceptance, signer: "Signer") -> str:
    """The signature of an acceptance, in the same form."""
    return _signed(ACCEPTANCE_SCHEMA, _acceptance_statement(acceptance), signer)


def _acceptance_statement(acceptance: StoredAcceptance) -> dict[str, JsonValue]:
    """The signed statement of an acceptance: the run, and the digests of its evidence and
    findings."""
    entry = acceptance.entry
    return {
        "run": entry.facts.id,
        "account_id": entry.facts.account_id,
        "place": entry.place,
        "evidence_digest": entry.facts.evidence_digest,
        "findings_digest": entry.findings_digest,
        "accepted_at": acceptance.accepted_at,
        "note": acceptance.note,
    }


def _signed(schema: str, document: dict[str, JsonValue], signer: "Signer") -> str:
    signature = signer.sign(_context(schema), _canonical(document))
    content = {
        "schema": schema,
        "statement": document,
        "key_id": signer.public.id,
        "public_key": signer.public.text,
        "signature": signature.hex(),
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def verify(
    entry: SignedStatement,
    evidence: SnapshotReader,
    trusted: "PublicKey | None" = None,
    *,
    required: bool = False,
) -> str | None:
    """Verify the signature of a run against its row and its evidence. Returns the id of the key.

    Returns None if the run is not signed and need not be. Without a `trusted` key, a valid
    signature only proves that nothing was altered since the owner of the key signed it.

    Raises:
        SignedByAnother: the signature is valid, but not made with the trusted key.
        SignatureError: it is invalid; or it is `required`, and it or the trusted key is missing.
        SnapshotError: the evidence differs from what was recorded.
    """
    run = f"Run {entry.facts.id}"
    _refuse_without_key(trusted, required=required)
    if not entry.signature:
        if required:
            raise SignatureError(
                f"{run} is not signed. On the machine that audits, set AUDITOR_SIGNING_KEY or run "
                "auditor bundle keygen. Then audit again."
            )
        return None
    signed = _read(run, entry.signature, SCHEMA)
    current = statement(entry, evidence)
    differing = _differing(signed.statement, current, evidence.facts())
    if entry.facts.evidence_digest != current["evidence_digest"]:
        differing = list(dict.fromkeys([*differing, _LABELS["evidence_digest"]]))
    if differing:
        raise SignatureError(
            f"{run} is not as it was signed: {join_and(differing)} {_differ(differing)}. Do not "
            "rely on it; audit again."
        )
    _refuse_another(run, signed, trusted)
    return signed.public.id


def verify_acceptance(
    acceptance: StoredAcceptance, trusted: "PublicKey | None" = None, *, required: bool = False
) -> str | None:
    """Verify the signature of an acceptance against its row and the row of its run.

    Returns and raises as `verify`.
    """
    what = f"The acceptance of run {acceptance.entry.facts.id}"
    _refuse_without_key(trusted, required=required)
    if not acceptance.signature:
        if required:
            raise SignatureError(
                f"{what} is not signed. Accept it again where AUDITOR_SIGNING_KEY is set: auditor "
                f"gate accept {acceptance.entry.facts.id}"
            )
        return None
    signed = _read(what, acceptance.signature, ACCEPTANCE_SCHEMA)
    if differing := _differing(signed.statement, _acceptance_statement(acceptance)):
        raise SignatureError(
            f"{what} is not as it was signed: {join_and(differing)} {_differ(differing)}. Do not "
            "rely on it; accept the run again."
        )
    _refuse_another(what, signed, trusted)
    return signed.public.id


def _refuse_without_key(trusted: "PublicKey | None", *, required: bool) -> None:
    if required and trusted is None:
        raise SignatureError(
            "A signature is required, but this machine trusts no key. Set AUDITOR_VERIFY_KEY to "
            "the public key that auditor bundle keygen prints."
        )


def _refuse_another(what: str, signed: "_Signed", trusted: "PublicKey | None") -> None:
    if trusted is not None and signed.public != trusted:
        raise SignedByAnother(
            f"{what} was signed with key {signed.public.id}, not with the trusted one, "
            f"{trusted.id}. Audit again with that key, or set AUDITOR_VERIFY_KEY to another one."
        )


def bundle_signer(settings: Settings) -> "Signer | None":
    """The signer of bundles; None without a key.

    Raises:
        KeyUnavailable: the configured text is not a key.
    """
    configured = settings.signing_key
    return keys.signer(configured.get_secret_value() if configured else None)


class Signatures:
    """Signs runs when they are stored and verifies runs when they are read, with the configured
    keys."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def signer(self) -> "Signer | None":
        """The signer; None without a key.

        Raises:
            KeyUnavailable: the configured text is not a key.
        """
        configured = self._settings.signing_key
        if configured is None and self._is_empty("signing_key"):
            return None
        return keys.signer(configured.get_secret_value() if configured else None)

    @cached_property
    def trusted(self) -> "PublicKey | None":
        """The key that runs must be signed with: AUDITOR_VERIFY_KEY, or the local signing key.

        Raises:
            KeyUnavailable: the configured text is not a key.
        """
        configured = self._settings.verify_key
        if configured:
            return keys.public_key(configured, "AUDITOR_VERIFY_KEY")
        if self._is_empty("verify_key") or self.signer is None:
            return None
        return self.signer.public

    @property
    def are_required(self) -> bool:
        """True if AUDITOR_VERIFY_KEY names the key that runs must be signed with."""
        return bool(self._settings.verify_key)

    def verified(
        self, entry: SignedStatement, evidence: SnapshotReader, *, required: bool
    ) -> str | None:
        """As `verify`, with the trusted key. AUDITOR_VERIFY_KEY makes a signature required.

        Raises:
            As `verify`; SignedByAnother only if a signature is required.
        """
        is_required = required or self.are_required
        try:
            return verify(entry, evidence, self.trusted, required=is_required)
        except SignedByAnother:
            if is_required:
                raise
            return verify(entry, evidence)

    def verified_acceptance(self, acceptance: StoredAcceptance, *, required: bool) -> str | None:
        """As `verified`, for an acceptance."""
        is_required = required or self.are_required
        try:
            return verify_acceptance(acceptance, self.trusted, required=is_required)
        except SignedByAnother:
            if is_required:
                raise
            return verify_acceptance(acceptance)

    def _is_empty(self, name: str) -> bool:
        """True if a setting is set to an empty value: then no other source is used."""
        candidate = self._settings.resolution.effective(VARIABLES[name])
        return candidate is not None and candidate.is_empty

    def sign(self, entry: SignedStatement, evidence: SnapshotReader) -> str:
        """The signature of a run about to be stored; empty if no key is configured."""
        return sign(entry, evidence, self.signer) if self.signer is not None else ""

    def sign_acceptance(self, acceptance: StoredAcceptance) -> str:
        """The signature of a new acceptance; empty if no key is configured."""
        return sign_acceptance(acceptance, self.signer) if self.signer is not None else ""

    def sign_checkpoint(self, statement: Mapping[str, str]) -> str:
        """The signature of a copy of a run under way; empty if no key is configured."""
        if self.signer is None:
            return ""
        return _signed(CHECKPOINT_SCHEMA, {**statement}, self.signer)

    def check_checkpoint(self, statement: Mapping[str, str], signature: str) -> None:
        """Check that a copy of a run under way is as it was signed with the trusted key.

        Without such a key nothing is checked: whoever could have changed it could change stored
        runs, too.

        Raises:
            SignatureError: it is not.
        """
        if self.trusted is None:
            return
        what = f"The copy of run {statement['run']}"
        if not signature:
            raise SignatureError(f"{what} is not signed.")
        signed = _read(what, signature, CHECKPOINT_SCHEMA)
        if signed.statement != statement:
            raise SignatureError(f"{what} is not as it was signed.")
        _refuse_another(what, signed, self.trusted)

    def check(self, entry: SignedStatement, evidence: SnapshotReader) -> None:
        """Check that a run is as it was signed, with the key that runs must be signed with.

        Without such a key, a run may also be unsigned.

        Raises:
            SignatureError: it is not. If no key is required, another key is only logged.
        """
        if not entry.signature and not self.are_required:
            return
        try:
            verify(entry, evidence, self.trusted, required=self.are_required)
        except SignedByAnother as error:
            if self.are_required:
                raise
            _log.warning("%s", error)


@dataclass(frozen=True, slots=True)
class _Signed:
    statement: Mapping[str, Any]
    public: "PublicKey"
    signature: bytes


def _context(schema: str) -> bytes:
    """The bytes that are signed before a statement."""
    return f"{schema}\n".encode()


def _read(what: str, text: str, schema: str) -> _Signed:
    """Parse a signature and verify it against the statement it contains.

    Raises:
        SignatureError: it is malformed or invalid.
    """
    from auditor.secrets.signing import BadKey, PublicKey

    try:
        if len(text) > MAX_LENGTH:
            raise ValueError
        document = json.loads(text)
        if document["schema"] != schema:
            raise SignatureError(
                f"{what} was signed by a newer version of the auditor. Install that version."
            )
        public = PublicKey.read(document["public_key"])
        if public.id != document["key_id"] or not isinstance(document["statement"], dict):
            raise ValueError
        signed = _Signed(document["statement"], public, bytes.fromhex(document["signature"]))
    except (BadKey, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SignatureError(
            f"{what} was altered: its signature cannot be read. Do not rely on it; audit again."
        ) from error
    if not public.accepts(signed.signature, _context(schema), _canonical(signed.statement)):
        raise SignatureError(
            f"{what} was altered: its signature does not match its content. Do not rely "
            "on it; audit again."
        )
    return signed


def _differing(
    signed: Mapping[str, Any],
    current: Mapping[str, JsonValue],
    facts: Mapping[str, str] | None = None,
) -> list[str]:
    """The labels of all fields that differ from the signed ones. `facts` is the evidence's
    metadata."""
    names = [name for name in current if name not in signed or signed[name] != current[name]]
    names += [
        name
        for name, fact in _ALSO_IN_EVIDENCE.items()
        if facts is not None and name not in names and facts.get(fact, "") != current[name]
    ]
    unknown = ["a part that this version does not know"] if signed.keys() - current.keys() else []
    return [*(_LABELS[name] for name in names), *unknown]


def _counts(counts: Mapping[str, int]) -> dict[str, JsonValue]:
    return {str(name): int(count) for name, count in counts.items() if count}


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _differ(names: list[str]) -> str:
    return "differs" if len(names) == 1 else "differ"
