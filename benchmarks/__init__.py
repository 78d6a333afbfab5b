"""Benchmarks: what an audit of a whole account costs, measured against the simulated one.

    make bench                                           # every case, at full size
    python -m benchmarks --case rate --case sequential   # some of them
    python -m benchmarks --scale 0.1                     # a tenth of the users: a quick look
    python -m benchmarks --write docs/benchmarks.md      # keep the results, with machine and date

Every case runs the program as its users do: `auditor sandbox` in one process, `auditor audit` in
another, whose seconds, processor time and largest memory the operating system tells when it ends.
What it asked for stands in its own JSON report. The table has a line for each target: what was
measured, the target, measured divided by target, and whether the target is met.

| case | what it does | at full size |
|---|---|---|
| rate | keeps to the strict limit of 60 requests a second, 150 ms an answer | 1,800 users |
| sequential | the same documents by a plain script, one request after another | 300 requests |
| memory | a large account, JSON report, then JSON and HTML; one with many groups | 100,000 users |
| locked | everything lockable is right and locked: how few requests suffice | 100,000 users |
| incremental | a night that stands on a full one; a group, the account change | 100,000 users |
| fleet | 1, 2 and 4 accounts at a time, each at its limit of 60 requests a second | 300 users |
| fleet | on Dask clusters of 1, 2 and 4 workers: 12 accounts at 20 a second | 100 users |
| offline | judges a snapshot with 2,000 distinct settings documents | 1,000,000 users |

At full size all of it takes about an hour and 5 GB below TMPDIR, nearly all for memory and
offline. Each process has a bound in time; a case that breaks or hangs is a line that says so, and
the others go on. The exit code is 0 if every target is met, else 1. Needs Linux. Figures of a busy
machine, or of another scale than 1, say little: the targets are for full size on two idle cores.
"""
