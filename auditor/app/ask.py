"""Frequent questions, answered for an account from a stored run."""

from auditor.app.audit import judge
from auditor.app.inventory import FeatureSelection, inventory_of
from auditor.app.runs import RunSource
from auditor.app.selection import Selection
from auditor.findings.answers import Answer, answers, with_features
from auditor.findings.run import Run
from auditor.policy.catalogue import questions


def answer_questions(
    question: str | None, source: RunSource, run: str, selection: Selection
) -> tuple[Run, list[Answer]]:
    """The answer to a question, by its id or in other words, from a run; without one, all answers.

    Raises:
        PolicyError: there is no such question.
        RunNotFound: there is no such run.
        StoreError: the history cannot be read.
    """
    known = questions.shipped()
    chosen = known.questions if question is None else [known.find(question)]
    _, evidence = source.opened_file(run)
    with evidence as snapshot:
        finished = judge(snapshot, selection.rejudgement(snapshot))
        topics = tuple({each.inventory for each in chosen if each.inventory})
        found = inventory_of(snapshot, FeatureSelection(topics)).features if topics else ()
    return finished, [
        with_features(answer, (each for each in found if each.topic == answer.question.inventory))
        for answer in answers(finished, chosen)
    ]
