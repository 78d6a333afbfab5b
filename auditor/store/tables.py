"""The tables of the history, the same in SQLite and PostgreSQL.

Runs of one account with the same baseline, depth and selection form a series and are numbered in
it. The history keeps one row per finding, and one row per period (table `spells`): a range of run
numbers in which the finding had the same status, severity, cause and value. A run without changes
adds only the run and its evidence.
"""

import sqlalchemy as sa

from auditor.store.errors import CorruptRow


class StoredText(sa.TypeDecorator[str]):
    """Text that is checked when it is read: SQLite returns whatever type a cell holds."""

    impl = sa.Text
    cache_ok = True

    def process_result_value(self, value: object, _dialect: sa.Dialect) -> str | None:
        """The text as it is.

        Raises:
            CorruptRow: it is of another type.
        """
        if value is None or isinstance(value, str):
            return value
        raise CorruptRow(f"a text is stored as {type(value).__name__}")


metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite generates row ids only for columns of type INTEGER."""

series = sa.Table(
    "series",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("account_id", StoredText, nullable=False),
    sa.Column("place", StoredText, nullable=False),
    sa.Column("baseline_id", StoredText, nullable=False),
    sa.Column("depth", StoredText, nullable=False),
    sa.Column("selection", StoredText, nullable=False),
    sa.UniqueConstraint("account_id", "place", "baseline_id", "depth", "selection"),
)
"""`place` is the URL of the API. `selection` is empty if all controls of the baseline were
selected, else a digest of the selected ones."""

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", StoredText, primary_key=True),
    sa.Column("series_id", sa.ForeignKey("series.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("api_url", StoredText, nullable=False),
    sa.Column("started_at", StoredText, nullable=False),
    sa.Column("finished_at", StoredText, nullable=False),
    sa.Column("baseline_version", StoredText, nullable=False),
    sa.Column("baseline_digest", StoredText, nullable=False),
    sa.Column("evidence_digest", StoredText, nullable=False),
    sa.Column("tool_version", StoredText, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("exit_code", sa.Integer, nullable=False),
    sa.Column("fail_on", StoredText, nullable=False),
    sa.Column("summary", sa.JSON, nullable=False),
    sa.Column("controls", sa.JSON, nullable=False),
    sa.Column("stopped", StoredText, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("simulated", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("organisation_digest", StoredText),
    sa.Column("oldest_evidence_at", StoredText, nullable=False, server_default=sa.text("''")),
    sa.Column("set_aside", StoredText, nullable=False, server_default=sa.text("''")),
    sa.Column("signature", StoredText, nullable=False, server_default=sa.text("''")),
    sa.Column("findings_digest", StoredText, nullable=False, server_default=sa.text("''")),
    sa.UniqueConstraint("series_id", "number"),
    sa.Index("uq_runs_sequence", "sequence", unique=True),
)
"""Times are RFC 3339, UTC. `stopped` says why a run ended before everything was read. `sequence` is
the order of storing, independent of the clock. `organisation_digest` is null, and
`oldest_evidence_at` empty, for runs of a version that did not record them. `set_aside` says why a
run is set aside. `signature` is empty if a run was not signed, `findings_digest` for runs of a
version that did not record it."""

findings = sa.Table(
    "findings",
    metadata,
    sa.Column("id", _number, primary_key=True),
    sa.Column("series_id", sa.ForeignKey("series.id"), nullable=False),
    sa.Column("fingerprint", StoredText, nullable=False),
    sa.Column("control", StoredText, nullable=False),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("level", StoredText, nullable=False),
    sa.Column("scope_id", StoredText, nullable=False),
    sa.Column("scope_name", StoredText, nullable=False),
    sa.Column("setting", StoredText, nullable=False),
    sa.Column("source", StoredText, nullable=False),
    sa.Column("first_seen", StoredText, nullable=False),
    sa.UniqueConstraint("series_id", "fingerprint"),
)

periods = sa.Table(
    "spells",
    metadata,
    sa.Column("id", _number, primary_key=True),
    sa.Column("finding_id", sa.ForeignKey("findings.id"), nullable=False, index=True),
    sa.Column("status", StoredText, nullable=False),
    sa.Column("severity", StoredText, nullable=False),
    sa.Column("cause", StoredText, nullable=False),
    sa.Column("observed", StoredText, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("since_at", StoredText, nullable=False),
    sa.Column("until", sa.Integer),
    sa.Column("until_at", StoredText),
    sa.Column("changed_by", StoredText),
)
"""`since` and `until` are run numbers, both inclusive; `until` is null while the period is open.
`observed` is JSON; `cause` is empty if there is none. `changed_by` names who made the change, as
JSON, if the operation log shows it."""

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
"""The snapshot of a run in parts, each compressed separately (zlib)."""

acceptances = sa.Table(
    "acceptances",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("series_id", sa.ForeignKey("series.id"), nullable=False),
    sa.Column("run_id", StoredText, nullable=False),
    sa.Column("accepted_at", StoredText, nullable=False),
    sa.Column("note", StoredText, nullable=False),
    sa.Column("signature", StoredText, nullable=False, server_default=sa.text("''")),
)
"""The runs that a gate measures regressions against; the newest of a series counts. `signature` is
empty if an acceptance was not signed."""

change_journals = sa.Table(
    "change_journals",
    metadata,
    sa.Column("id", StoredText, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("account_id", StoredText, nullable=False),
    sa.Column("place", StoredText, nullable=False),
    sa.Column("plan_digest", StoredText, nullable=False),
    sa.Column("run_id", StoredText, nullable=False),
    sa.Column("undoes", StoredText, nullable=False),
    sa.Column("started_at", StoredText, nullable=False),
    sa.Column("finished_at", StoredText, nullable=False),
    sa.Column("client_id", StoredText, nullable=False),
    sa.Column("tool_version", StoredText, nullable=False),
)
"""The journals of changes to an account. `kind` is `apply` or `rollback`, `undoes` the journal that
a rollback undoes. `finished_at` is empty until every step has an outcome, `client_id` begins the
client id of the app that wrote."""

journal_entries = sa.Table(
    "journal_entries",
    metadata,
    sa.Column("journal_id", sa.ForeignKey("change_journals.id"), primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("level", StoredText, nullable=False),
    sa.Column("scope_id", StoredText, nullable=False),
    sa.Column("scope_name", StoredText, nullable=False),
    sa.Column("setting", StoredText, nullable=False),
    sa.Column("before", StoredText, nullable=False),
    sa.Column("target", StoredText, nullable=False),
    sa.Column("siblings", StoredText, nullable=False),
    sa.Column("intended_at", StoredText, nullable=False),
    sa.Column("outcome", StoredText, nullable=False),
    sa.Column("detail", StoredText, nullable=False),
    sa.Column("concluded_at", StoredText, nullable=False),
    sa.Column("undone_at", StoredText, nullable=False),
    sa.Index("ix_journal_entries_journal_id_sequence", "journal_id", "sequence"),
)
"""The steps of a journal. `before`, `target` and `siblings` are JSON: the value that was found, the
value that was sent, and the other leaves of its object. `intended_at` is empty if no request was
prepared, `outcome` while it is not known, `undone_at` until a rollback has undone the step."""

events = sa.Table(
    "events",
    metadata,
    sa.Column("digest", StoredText, primary_key=True),
    sa.Column("account_id", StoredText, nullable=False),
    sa.Column("name", StoredText, nullable=False),
    sa.Column("occurred_at", StoredText, nullable=False),
    sa.Column("received_at", StoredText, nullable=False),
    sa.Column("level", StoredText, nullable=False),
    sa.Column("scope_id", StoredText, nullable=False),
    sa.Column("operator", StoredText, nullable=False),
    sa.Column("details", StoredText, nullable=False),
    sa.Index("ix_events_account_id_received_at", "account_id", "received_at"),
)
"""Events that webhooks reported. `digest` is that of the body, by which repeats are known;
`details` is JSON. Times are RFC 3339, UTC."""

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("account_id", StoredText, primary_key=True),
    sa.Column("place", StoredText, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),
    sa.Column("run_id", StoredText, nullable=False),
    sa.Column("signature", StoredText, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
"""What was read of an account whose run is under way, for the machine that has to continue it: the
newest copy of the run's snapshot, in parts as in `evidence`. `signature` is empty if it was not
signed."""

_incoming = sa.MetaData()

incoming = sa.Table(
    "incoming",
    _incoming,
    sa.Column("fingerprint", StoredText, primary_key=True),
    sa.Column("control", StoredText, nullable=False),
    sa.Column("kind", StoredText, nullable=False),
    sa.Column("level", StoredText, nullable=False),
    sa.Column("scope_id", StoredText, nullable=False),
    sa.Column("scope_name", StoredText, nullable=False),
    sa.Column("setting", StoredText, nullable=False),
    sa.Column("source", StoredText, nullable=False),
    sa.Column("status", StoredText, nullable=False),
    sa.Column("severity", StoredText, nullable=False),
    sa.Column("cause", StoredText, nullable=False),
    sa.Column("observed", StoredText, nullable=False),
    prefixes=["TEMPORARY"],
)
"""The findings of a run while it is stored; dropped at the end of the transaction."""
