"""The audit as one HTML page in the form of the report: warnings, curves over the steps, samples side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from weaklabel import artifacts
from weaklabel._tables import short
from weaklabel.metrics import Interval
from weaklabel.pictures import Picture
from weaklabel.pictures.curves import curves_picture
from weaklabel.pictures.text import beginning, cut
from weaklabel.report.page import render
from weaklabel.report.sections import Dossier, Section, Table, Texts, Tile
from weaklabel.stages.audit.asked import Answer, Asked
from weaklabel.stages.audit.result import Audit

_SHOWN: Final = 12
_OPENED: Final = 3
_DRAWN_LFS: Final = 12
_PROMPT: Final = 1200
_ANSWER: Final = 2000


def page_of(audit: Audit, asked: Sequence[Asked], first: Sequence[Answer], last: Sequence[Answer]) -> str:
    """The whole page as HTML.

    Args:
        audit: with one look at least.
        asked: the prompts.
        first, last: the answers of the first and the last look, in the order of the prompts.
    """
    steps = [look.step for look in audit.looks]
    sections = [
        _warnings(audit),
        Section(
            "curves",
            "Curves",
            _CURVES,
            pictures=list(_curves(audit)),
            details=[Table(*audit.table(functions=False))],
        ),
        *_functions(audit),
        _samples(audit, asked, first, last),
    ]
    lead = (
        f"{len(asked)} held-out prompts, answered at {len(steps)} of the training's steps, {steps[0]:,} to {steps[-1]:,}. "
        "Everything is held against the first look; bands are 95% intervals over prompts."
    )
    footer = (
        f"Made by weaklabel {artifacts.versions().get('weaklabel', '')}".strip()
        + ". This page loads nothing and runs no script."
    )
    return render("Audit of a policy", lead, sections, footer)


_CURVES: Final = "What the policy answers and how likely it finds texts. Dashed: the threshold of a warning, or what no change gives."


def _warnings(audit: Audit) -> Section:
    last = audit.looks[-1]
    tiles = []
    for name, words in (
        ("length", "tokens per answer"),
        ("ended", "answers that ended"),
        ("sameness", "sameness"),
        ("kl", "KL, nats per token"),
    ):
        if one := last.figures.get(name):
            tiles.append(
                Tile(f"{one.value:.3g}", words, f"{audit.looks[0].figures[name].value:.3g} at the first look")
            )
    notes = []
    if audit.not_watched:
        names = ", ".join(audit.not_watched)
        notes.append(f"Not watched, because they read columns that new answers do not have: {names}.")
    if last.faults:
        notes.append(
            "Votes that failed at the last look: "
            + ", ".join(f"{k} {n}" for k, n in last.faults.items())
            + "."
        )
    return Section(
        "warnings",
        "Warnings",
        intro="" if audit.warnings else "None of the thresholds was passed.",
        tiles=tiles,
        warnings=[f"Step {each.step:,}, {each}" for each in audit.warnings],
        notes=notes,
    )


# Title, unit, figures with their names; where a dashed line stands, a number or a setting, and what it is.
_PICTURES: Final = (
    ("Do current answers beat the first ones?", "P(current beats first)", {"training_comparer": "training comparer", "held_out_comparer": "held-out comparer"}, 0.5, "no change"),
    ("Length of answers", "tokens", {"length": "mean length"}, None, ""),
    ("Answers that end, and empty ones", "share", {"ended": "ended by an end token", "empty": "empty"}, "min_ended", "fewest that end"),
    ("Sameness", "METEOR, share", {"sameness": "sameness of answers to different prompts", "distinct": "share of distinct answers"}, "max_sameness", "most sameness"),
    ("Distance from the reference", "nats per token", {"kl": "KL to the reference"}, "max_kl", "largest KL"),
    ("Held-out pairs", "nats per response", {"logps/chosen": "log p of chosen", "logps/rejected": "log p of rejected"}, None, ""),
    ("Held-out pairs in order", "share", {"logps/accuracies": "chosen likelier than rejected"}, 0.5, "chance"),
    ("Multiple choice", "share", {"choices/accuracy": "accuracy", "choices/ece": "ECE of the chosen answer"}, None, ""),
)  # fmt: skip


def _curves(audit: Audit) -> Iterator[Picture]:
    for title, axis, names, line, line_name in _PICTURES:
        if picture := _picture(audit, title, axis, names, line, line_name):
            yield picture


def _picture(
    audit: Audit, title: str, axis: str, names: dict[str, str], line: float | str | None, line_name: str
) -> Picture | None:
    curves = {
        words: [(look.step, look.figures[name]) for look in audit.looks if name in look.figures]
        for name, words in names.items()
    }
    curves = {words: points for words, points in curves.items() if points}
    if not curves:
        return None
    reference = getattr(audit.settings, line) if isinstance(line, str) else line
    return curves_picture(curves, title, axis=axis, reference=reference, reference_name=line_name)


def _functions(audit: Audit) -> Iterator[Section]:
    last = audit.looks[-1].figures
    drifts = {name.partition("/")[2]: one for name, one in last.items() if name.startswith("drift/")}
    if not drifts:
        return
    voting = [lf for lf in drifts if any(one.value or one.low < one.high for _, one in _votes(audit, lf))]
    loudest = sorted(voting, key=lambda lf: -abs(drifts[lf].value))[:_DRAWN_LFS]
    pictures = [
        curves_picture(
            {"vote for the current answers": _votes(audit, lf)},
            lf,
            axis="mean over prompts",
            reference=-audit.settings.max_drift,
            reference_name="threshold",
        )
        for lf in loudest
    ]
    notes = []
    if hidden := len(voting) - len(loudest):
        notes.append(f"{hidden} functions that vote less clearly stand in the table alone.")
    if silent := len(drifts) - len(voting):
        notes.append(f"{silent} functions have not preferred one answer to another at any look.")
    header = ("function", "mean vote [95%]", "score at first", "score now", "shift")
    rows = [_row(audit, lf) for lf in sorted(voting, key=lambda lf: (drifts[lf].value, lf))]
    yield Section(
        "functions",
        "Labeling functions as monitors",
        "Each votes between the first answer (-1) and the current one (+1) to every prompt. A shift is the change of the mean "
        "score over the standard deviation of all scores.",
        tables=[Table(header, rows)] if rows else [],
        pictures=pictures,
        notes=notes,
    )


def _votes(audit: Audit, lf: str) -> list[tuple[int, Interval]]:
    return [(look.step, look.figures[f"drift/{lf}"]) for look in audit.looks]


def _row(audit: Audit, lf: str) -> list[str]:
    first, last = audit.looks[0].figures, audit.looks[-1].figures
    scores = [
        "-" if one is None else f"{one.value:.4g}"
        for one in (look.get(f"score/{lf}") for look in (first, last))
    ]
    shift = last.get(f"shift/{lf}")
    return [lf, str(last[f"drift/{lf}"]), *scores, "-" if shift is None else short(shift.value, sign=True)]


def _samples(
    audit: Audit, asked: Sequence[Asked], first: Sequence[Answer], last: Sequence[Answer]
) -> Section:
    steps = audit.looks[0].step, audit.looks[-1].step
    dossiers = []
    for number, (each, before, now) in enumerate(list(zip(asked, first, last, strict=True))[:_SHOWN], 1):
        prompt = each.prompt.text
        texts = [
            Texts("Prompt", *cut(prompt, _PROMPT)),
            Texts(f"Answer at step {steps[0]:,}", *cut(before.text, _ANSWER)),
            Texts(f"Answer at step {steps[1]:,}", *cut(now.text, _ANSWER)),
        ]
        title = f"{number}. {beginning(prompt, 90)}"
        opened = number <= _OPENED
        dossiers.append(Dossier(f"sample-{number}", title, _facts(before, now), texts, opened=opened))
    intro = f"{len(dossiers)} of {len(asked)} prompts, in an order that says nothing. The files in samples/ hold all."
    return Section("samples", "Samples side by side", intro, dossiers=dossiers)


def _facts(before: Answer, now: Answer) -> list[str]:
    def said(answer: Answer) -> str:
        return f"{answer.tokens:,} tokens{'' if answer.ended else ', cut'}"

    facts = [f"first: {said(before)}", f"now: {said(now)}"]
    if now.logp is not None and now.reference_logp is not None:
        facts.append(f"log p {now.logp:.1f}, by the reference {now.reference_logp:.1f} nats")
    return facts
