"""Templates: the words before an output. Three stand in `TEMPLATES`; a file of TOML makes another.

    first = "Question: {prompt}\\n{feedback}"    # before the first output of a chain
    next = "{feedback}"                          # before every further one; may repeat {prompt}
    good = ["A good answer:"]                    # and bad, of the same number: phrases that belong together
    bad = ["A bad answer:"]
    slightly_better = "A slightly better answer:"    # and much_better, slightly_worse, much_worse, middle

Source: the kinds of text of chain of hindsight (Liu, Sferrazza & Abbeel 2023), whose dialogues repeat the user's turn before the
second answer, and whose summaries and questions do not. The words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from weaklabel._paths import expanded
from weaklabel._toml import read_toml
from weaklabel._validation import lookup
from weaklabel.artifacts import content_hash
from weaklabel.errors import ConfigError
from weaklabel.judges.template import check_places, fill

_ENDING: Final = ".toml"
# Which places the words of a field may have, and which they must have.
_PLACES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "first": (("prompt", "feedback"), ("prompt", "feedback")),
    "next": (("prompt", "feedback"), ("feedback",)),
    "middle": (("rank", "of"), ("rank",)),
}


def _check(name: str, text: str) -> None:
    allowed, needed = _PLACES.get(name, ((), ()))
    if not text.strip():
        raise ConfigError(f"the template's {name} is empty. Write words.")
    if not allowed:
        return  # words of feedback, which are put in as they are
    found = check_places(text, allowed, f"the template's {name}")
    if missing := [place for place in needed if place not in found]:
        raise ConfigError(f"the template's {name} is {text!r}, without {{{missing[0]}}}. Write it in.")


@dataclass(frozen=True, kw_only=True)
class Template:
    """The words of chains.

    Attributes:
        first, next: what stands before the first output, and before every further one.
        good, bad: phrases of feedback; the k-th of one belongs to the k-th of the other.
        slightly_better, much_better, slightly_worse, much_worse: feedback by strength.
        middle: feedback of what is neither the best nor the worst of a list; {rank} is 1 for the best of {of}.

    Raises:
        ConfigError: a place that is missing or not known, or phrases that do not match.
    """

    first: str
    next: str
    good: tuple[str, ...]
    bad: tuple[str, ...]
    slightly_better: str = "A slightly better answer:"
    much_better: str = "A much better answer:"
    slightly_worse: str = "A slightly worse answer:"
    much_worse: str = "A much worse answer:"
    middle: str = "The answer of rank {rank} of {of}:"

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            texts = value if isinstance(value, tuple) else (value,)
            for text in texts:
                _check(name, text)
        if not self.good or len(self.good) != len(self.bad):
            raise ConfigError(
                f"the template has {len(self.good)} phrases in good and {len(self.bad)} in bad. Give as many of each, at least one."
            )

    def asked(self, prompt: str, feedback: str, *, later: bool = False) -> str:
        """What stands before an output.

        Args:
            later: whether an output of the chain stands before it.

        >>> TEMPLATES["questions"].asked("2 + 2?", "A good answer:")
        'Question: 2 + 2?\\nA good answer:'
        """
        return fill(self.next if later else self.first, {"prompt": prompt, "feedback": feedback})

    def ranked(self, rank: int, of: int) -> str:
        """The feedback of what is neither the best nor the worst."""
        return fill(self.middle, {"rank": str(rank), "of": str(of)})

    @property
    def texts(self) -> list[str]:
        """All its words, in which places are left as they are written."""
        return [*self.good, *self.bad, *(text for text in asdict(self).values() if isinstance(text, str))]

    @property
    def hash(self) -> str:
        """Of all its words."""
        return content_hash(repr(asdict(self)))


TEMPLATES: Final[Mapping[str, Template]] = {
    "dialogue": Template(
        first="User: {prompt}\n{feedback}",
        next="User: {prompt}\n{feedback}",
        good=("A helpful answer:", "A better answer:", "An accurate answer:", "A harmless answer:"),
        bad=("An unhelpful answer:", "A worse answer:", "An inaccurate answer:", "A harmful answer:"),
    ),
    "summaries": Template(
        first="{prompt}\n\n{feedback}",
        next="{feedback}",
        good=("A good summary:", "A better summary:", "A faithful summary:"),
        bad=("A bad summary:", "A worse summary:", "An unfaithful summary:"),
        slightly_better="A slightly better summary:",
        much_better="A much better summary:",
        slightly_worse="A slightly worse summary:",
        much_worse="A much worse summary:",
        middle="The summary of rank {rank} of {of}:",
    ),
    "questions": Template(
        first="Question: {prompt}\n{feedback}",
        next="{feedback}",
        good=("A good answer:", "A better answer:", "A correct answer:"),
        bad=("A bad answer:", "A worse answer:", "A wrong answer:"),
    ),
}


def open_template(name: str) -> Template:
    """The template of a name in `TEMPLATES`, or of a file that ends in .toml.

    Raises:
        UnknownNameError: no such name. ConfigError: a file that cannot be read, or that is no template.
    """
    if not name.endswith(_ENDING):
        return lookup("template (or a file that ends in .toml)", TEMPLATES, name)
    path = Path(expanded(name, "template"))
    if not path.is_file():
        raise ConfigError(f"template: {name} is no file. Name one, or {', '.join(TEMPLATES)}.")
    return _of_table(read_toml(path), name)


def _of_table(table: Mapping[str, Any], where: str) -> Template:
    known = [each.name for each in fields(Template)]
    if odd := sorted(set(table) - set(known)):
        raise ConfigError(f"{where}: there is no {odd[0]!r} in a template. Allowed: {', '.join(known)}.")
    if missing := [name for name in ("first", "next", "good", "bad") if name not in table]:
        raise ConfigError(f"{where} lacks {missing[0]!r}. A template has first, next, good and bad.")
    given: dict[str, Any] = {}
    for name, value in table.items():
        several = name in ("good", "bad")
        words = value if isinstance(value, list) else [value]
        if not all(isinstance(word, str) for word in words) or (isinstance(value, list) and not several):
            raise ConfigError(
                f"{where}: {name} is {value!r}. Allowed: {'a text, or a list of texts' if several else 'a text'}."
            )
        given[name] = tuple(words) if several else value
    try:
        return Template(**given)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
