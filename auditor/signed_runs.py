"""Signed runs: a statement of what a stored run is and rests on, signed when it is stored.

The acceptance of a run is signed, too, when it is made.

Whoever reads the run computes the statement again, from its row in the history and from its
evidence, so that neither can be exchanged. A signature does not tell that a run is the newest, and
not that none is missing.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from auditor import keys
from auditor.config import VARIABLES, Settings
from auditor.evidence.errors import SnapshotError
from auditor.evidence.reading import JsonValue
from auditor.evidence.snapshot_reader import SnapshotReader
from auditor.findings.drift import RunFacts

if TYPE_CHECKING:  # loaded only where something is signed or verified: it takes its time
    from auditor.signing import PublicKey, Signer

SCHEMA = "auditor/run/v1"
"""Which statement is signed; signed before it, too, so that no other signature passes for one."""
ACCEPTANCE_SCHEMA = "auditor/acceptance/v1"
"""The same for the acceptance of a run."""
MAX_LENGTH = 64 * 1024
"""Characters of a signature with its statement: some 2,000 are usual."""

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
"""What errors call the parts of a statement."""

_ALSO_IN_EVIDENCE = {
    "run": "run_id",
    "account_id": "account_id",
    "api_url": "api_url",
    "started_at": "started_at",
    "finished_at": "finished_at",
}
"""Parts that the evidence tells by itself, by the fact that does."""


class SignatureError(SnapshotError):
    """The signature of a run is not as it has to be. The message says in what."""


class SignedByAnother(SignatureError):
    """The signature fits, and is of another key than the trusted one."""


class SignedStatement(Protocol):
    """A run as its row in the history tells of it."""

    @property
    def facts(self) -> RunFacts:
        """What it is."""

    @property
    def selection(self) -> str:
        """Digest of the controls that were asked for; empty for all."""

    @property
    def stopped(self) -> str:
        """Why it ended early; empty where it did not."""

    @property
    def signature(self) -> str:
        """As `sign` made it; empty where the run is not signed."""

    @property
    def findings_digest(self) -> str:
        """A digest over how its findings stood; empty for a run of an earlier version."""

    @property
    def place(self) -> str:
        """Where its account is."""


class StoredAcceptance(Protocol):
    """The acceptance of a run as its row in the history tells of it."""

    @property
    def entry(self) -> SignedStatement:
        """The run that is accepted."""

    @property
    def accepted_at(self) -> str:
        """When, RFC 3339."""

    @property
    def note(self) -> str:
        """Why."""

    @property
    def signature(self) -> str:
        """As `sign_acceptance` made it; empty where it is not signed."""


def statement(entry: SignedStatement, evidence: SnapshotReader) -> dict[str, JsonValue]:
    """What is signed of a run: its row, and digests over all of its evidence.

    Raises:
        SnapshotError: the evidence is not as it was recorded.
    """
    facts, totals = entry.facts, evidence.verified()
    evidence_facts = json.dumps(sorted(evidence.facts().items()))
    return {
        "run": facts.id,
        "account_id": facts.account_id,
        "api_url": facts.api_url,
        "started_at": facts.started_at,
        "finished_at": facts.finished_at,
        "depth": str(facts.depth),
        "selection": entry.selection,
        "baseline_id": facts.baseline_id,
        "baseline_version": facts.baseline_version,
        "baseline_digest": facts.baseline_digest,
        "organisation_digest": facts.organisation_digest,
        "evidence_digest": totals.digest,
        "findings_digest": entry.findings_digest,
        "circumstances_digest": totals.circumstances,
        "facts_digest": "sha256:" + hashlib.sha256(evidence_facts.encode()).hexdigest(),
        "oldest_evidence_at": facts.oldest_evidence_at,
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
    """The signature of a run: the statement, the key and what it makes of the statement, as JSON.

    Raises:
        SnapshotError: the evidence is not as it was recorded.
    """
    return _signed(SCHEMA, statement(entry, evidence), signer)


def sign_acceptance(acceptance: StoredAcceptance, signer: "Signer") -> str:
    """The signature of an acceptance, likewise."""
    return _signed(ACCEPTANCE_SCHEMA, _acceptance_statement(acceptance), signer)


def _acceptance_statement(acceptance: StoredAcceptance) -> dict[str, JsonValue]:
    """What is signed of an acceptance: of which run it is, and what that run found."""
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
    """Check the signature of a run against its row and its evidence. Returns the id of the key.

    None where the run is not signed, and need not be. Without a `trusted` key it is only known
    that nothing was altered since whoever has the key signed it.

    Raises:
        SignedByAnother: the signature fits, and is not of the trusted key.
        SignatureError: it does not fit, or there is none and it is `required`, or nobody says
            which key has to have signed.
        SnapshotError: the evidence is not as it was recorded.
    """
    run = f"Run {entry.facts.id}"
    _refuse_without_key(trusted, required=required)
    if not entry.signature:
        if required:
            raise SignatureError(
                f"{run} is not signed. Where it is made, set AUDITOR_SIGNING_KEY or run: auditor "
                "bundle keygen. Then audit again."
            )
        return None
    signed = _read(run, entry.signature, SCHEMA)
    current = statement(entry, evidence)
    differing = _differing(signed.statement, current, evidence.facts())
    if entry.facts.evidence_digest != current["evidence_digest"]:
        differing = list(dict.fromkeys([*differing, _LABELS["evidence_digest"]]))
    if differing:
        raise SignatureError(
            f"{run} is not as it was signed: {_join_and(differing)} {_differ(differing)}. Do not "
            "rely on it; audit again."
        )
    _refuse_another(run, signed, trusted)
    return signed.public.id


def verify_acceptance(
    acceptance: StoredAcceptance, trusted: "PublicKey | None" = None, *, required: bool = False
) -> str | None:
    """Check the signature of an acceptance against its row, and the row of its run.

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
            f"{what} is not as it was signed: {_join_and(differing)} {_differ(differing)}. Do not "
            "rely on it; accept the run again."
        )
    _refuse_another(what, signed, trusted)
    return signed.public.id


def _refuse_without_key(trusted: "PublicKey | None", *, required: bool) -> None:
    if required and trusted is None:
        raise SignatureError(
            "A signature is required, and no key is trusted here. Set "
            "AUDITOR_VERIFY_KEY to the public key that auditor bundle keygen tells."
        )


def _refuse_another(what: str, signed: "_Signed", trusted: "PublicKey | None") -> None:
    if trusted is not None and signed.public != trusted:
        raise SignedByAnother(
            f"{what} was signed with key {signed.public.id}, not with the trusted one, "
            f"{trusted.id}. Audit again with that key, or name another one with "
            "AUDITOR_VERIFY_KEY."
        )


class Signatures:
    """Signs the runs that are stored, and checks those that are read, by the keys configured."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def signer(self) -> "Signer | None":
        """Who signs; None where there is no key.

        Raises:
            KeyUnavailable: the key is none.
        """
        configured = self._settings.signing_key
        if configured is None and self._is_empty("signing_key"):
            return None
        return keys.signer(configured.get_secret_value() if configured else None)

    @cached_property
    def trusted(self) -> "PublicKey | None":
        """The key that has to have signed: AUDITOR_VERIFY_KEY, or the one that signs here.

        Raises:
            KeyUnavailable: the key is none.
        """
        configured = self._settings.verify_key
        if configured:
            return keys.public_key(configured, "AUDITOR_VERIFY_KEY")
        if self._is_empty("verify_key") or self.signer is None:
            return None
        return self.signer.public

    @property
    def are_required(self) -> bool:
        """True where AUDITOR_VERIFY_KEY names the key that has to have signed."""
        return bool(self._settings.verify_key)

    def verified(
        self, entry: SignedStatement, evidence: SnapshotReader, *, required: bool
    ) -> str | None:
        """As `verify`, with the trusted key. A signature is required where a key is named for it.

        Raises:
            As `verify`; SignedByAnother only where a signature is required.
        """
        is_required = required or self.are_required
        try:
            return verify(entry, evidence, self.trusted, required=is_required)
        except SignedByAnother:
            if is_required:
                raise
            return verify(entry, evidence)

    def verified_acceptance(self, acceptance: StoredAcceptance, *, required: bool) -> str | None:
        """As `verified`, of an acceptance."""
        is_required = required or self.are_required
        try:
            return verify_acceptance(acceptance, self.trusted, required=is_required)
        except SignedByAnother:
            if is_required:
                raise
            return verify_acceptance(acceptance)

    def _is_empty(self, name: str) -> bool:
        """True where a setting is set to nothing: then nothing else is asked in its place."""
        candidate = self._settings.resolution.effective(VARIABLES[name])
        return candidate is not None and candidate.is_empty

    def sign(self, entry: SignedStatement, evidence: SnapshotReader) -> str:
        """The signature of a run that is being stored; empty where no key is configured."""
        return sign(entry, evidence, self.signer) if self.signer is not None else ""

    def sign_acceptance(self, acceptance: StoredAcceptance) -> str:
        """The signature of an acceptance that is made; empty where no key is configured."""
        return sign_acceptance(acceptance, self.signer) if self.signer is not None else ""

    def check(self, entry: SignedStatement, evidence: SnapshotReader) -> None:
        """Make sure that a run that is read is as it was signed, by the key that has to sign runs.

        Where no key has to, a run may also be unsigned.

        Raises:
            SignatureError: it is not. Another key is only logged where none has to sign.
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
    """What is signed before a statement."""
    return f"{schema}\n".encode()


def _read(what: str, text: str, schema: str) -> _Signed:
    """A signature that fits the statement in it.

    Raises:
        SignatureError: it does not, or is none.
    """
    from auditor.signing import BadKey, PublicKey

    try:
        if len(text) > MAX_LENGTH:
            raise ValueError
        document = json.loads(text)
        if document["schema"] != schema:
            raise SignatureError(
                f"{what} was signed by a newer version of the auditor. Install that version "
                "of the program."
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
            f"{what} was altered: its signature does not fit what it is said to sign. Do not rely "
            "on it; audit again."
        )
    return signed


def _differing(
    signed: Mapping[str, Any],
    current: Mapping[str, JsonValue],
    facts: Mapping[str, str] | None = None,
) -> list[str]:
    """What is not as it was signed, in the words of `_WORDS`. `facts` are those of the evidence."""
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


def _join_and(names: list[str]) -> str:
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _differ(names: list[str]) -> str:
    return "differs" if len(names) == 1 else "differ"
