"""The glossary, for readers of a report and for `docs/glossary.md`."""

from collections.abc import Iterator

from auditor.policy.catalogue.glossary import terms

HEADING = "Words in this report"

_PAGE = """\
# Glossary

One word for one thing: reports, messages and this documentation use these words. JSON and the other
formats for machines keep the words of their contract, in the last column.

"""


def entries() -> Iterator[tuple[str, str]]:
    """Each term, with its plural if that is another word, and what it means."""
    for each in terms():
        yield f"{each.term}, {each.plural}" if each.plural else each.term, each.means


def page() -> str:
    """`docs/glossary.md`."""
    rows = "".join(
        f"| **{name}** | {means} | {', '.join(f'`{word}`' for word in term.contract) or '–'} |\n"
        for term, (name, means) in zip(terms(), entries(), strict=True)
    )
    return f"{_PAGE}| word | what it means | in JSON |\n|---|---|---|\n{rows}"
