"""The tables of the history, the same in SQLite and PostgreSQL.

Runs of one account with the same baseline, depth and selection form a series and are numbered in
it. The history keeps one row per finding, and one row per period (table `spells`): a range of run
numbers in which the finding had the same status, severity, cause and value. A run without changes
adds only the run and its evidence.
"""

import sqlalchemy as sa

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
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("baseline_id", sa.Text, nullable=False),
    sa.Column("depth", sa.Text, nullable=False),
    sa.Column("selection", sa.Text, nullable=False),
    sa.UniqueConstraint("account_id", "place", "baseline_id", "depth", "selection"),
)
"""`place` is the URL of the API. `selection` is empty if all controls of the baseline were
selected, else a digest of the selected ones."""

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("series_id", sa.ForeignKey("series.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("api_url", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
    sa.Column("finished_at", sa.Text, nullable=False),
    sa.Column("baseline_version", sa.Text, nullable=False),
    sa.Column("baseline_digest", sa.Text, nullable=False),
    sa.Column("evidence_digest", sa.Text, nullable=False),
    sa.Column("tool_version", sa.Text, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("exit_code", sa.Integer, nullable=False),
    sa.Column("fail_on", sa.Text, nullable=False),
    sa.Column("summary", sa.JSON, nullable=False),
    sa.Column("controls", sa.JSON, nullable=False),
    sa.Column("stopped", sa.Text, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("simulated", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("organisation_digest", sa.Text),
    sa.Column("oldest_evidence_at", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("set_aside", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("signature", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("findings_digest", sa.Text, nullable=False, server_default=sa.text("''")),
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
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("control", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("scope_id", sa.Text, nullable=False),
    sa.Column("scope_name", sa.Text, nullable=False),
    sa.Column("setting", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("first_seen", sa.Text, nullable=False),
    sa.UniqueConstraint("series_id", "fingerprint"),
)

periods = sa.Table(
    "spells",
    metadata,
    sa.Column("id", _number, primary_key=True),
    sa.Column("finding_id", sa.ForeignKey("findings.id"), nullable=False, index=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("observed", sa.Text, nullable=False),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("since_at", sa.Text, nullable=False),
    sa.Column("until", sa.Integer),
    sa.Column("until_at", sa.Text),
    sa.Column("changed_by", sa.Text),
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
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("accepted_at", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False, server_default=sa.text("''")),
)
"""The runs that a gate measures regressions against; the newest of a series counts. `signature` is
empty if an acceptance was not signed."""

_incoming = sa.MetaData()

incoming = sa.Table(
    "incoming",
    _incoming,
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("control", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("scope_id", sa.Text, nullable=False),
    sa.Column("scope_name", sa.Text, nullable=False),
    sa.Column("setting", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("observed", sa.Text, nullable=False),
    prefixes=["TEMPORARY"],
)
"""The findings of a run while it is stored; dropped at the end of the transaction."""
