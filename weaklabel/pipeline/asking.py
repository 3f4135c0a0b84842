"""Questions of a run to people, and their answers: what `weaklabel next` and `weaklabel gold add` do.

What was asked is kept in the run (`questions.jsonl`: by which rule, and what was believed), what people answered in the
project (`[data] answers`), where every run finds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from weaklabel.acquisition.next import choose_next
from weaklabel.acquisition.queue import NextPairs
from weaklabel.acquisition.registry import get_acquisition
from weaklabel.acquisition.source import Source
from weaklabel.artifacts import parse_json
from weaklabel.artifacts.growing import GrowingFile
from weaklabel.data.answers import Added, add_answers
from weaklabel.data.gold import GoldTable
from weaklabel.pipeline.run import Run
from weaklabel.pipeline.steps.read import answers_file, has_answers

QUESTIONS: Final = "questions.jsonl"
_KEPT: Final = ("rule", "value", "p")


def ask(
    run: Run,
    n: int,
    *,
    acquisition: str,
    skip_asked: bool = False,
    rule: dict[str, Any] | None = None,
    **how: Any,
) -> NextPairs:
    """The next questions of a run, kept in it.

    Args:
        run: whatever it does not have yet of pairs, votes and labels is made.
        acquisition, rule: the rule and its settings.
        skip_asked: leave out what was asked before.
        **how: further arguments of `next_pairs`.

    Raises:
        As `next_pairs`.
    """
    chosen_by = get_acquisition(acquisition, **(rule or {}))
    second = run.second_opinion if "other" in chosen_by.needs else None
    source = Source.of(run.labels_file, None if second is None else lambda rows: second[rows])
    skip = asked_before(run.folder).keys() if skip_asked else ()
    found = choose_next(source, n, rule=chosen_by, skip=skip, **how)
    GrowingFile(run.folder / QUESTIONS).append(
        *(
            {"id": question.id} | {name: getattr(question, name) for name in _KEPT}
            for question in found.questions
        )
    )
    return found


def add(run: Run, given: str, *, unasked: bool = False) -> Added:
    """Answers to questions of a run, taken into the project's file.

    Raises:
        GoldError: as `add_answers`.
    """
    kept = Path(answers_file(run.loaded))
    return add_answers(kept, given, run.file, asked_before(run.folder), unasked=unasked)


def still_open(run: Run) -> int:
    """How many of a run's questions have no answer yet."""
    kept = answers_file(run.loaded)
    answered = GoldTable(kept).ids if has_answers(run.loaded) else ()
    return len(asked_before(run.folder).keys() - set(answered))


def asked_before(folder: Path) -> dict[str, dict[str, Any]]:
    """Per id of a pair that a run has asked about: the rule, its value, and what was believed; the latest where it was asked
    several times."""
    found = {}
    for line in GrowingFile(folder / QUESTIONS).news():
        try:
            question = parse_json(line)
            found[question["id"]] = {name: question[name] for name in _KEPT}
        except (ValueError, KeyError, TypeError):
            continue  # a line that was torn asked nothing: it is written before anybody sees the question
    return found
