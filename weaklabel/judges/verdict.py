"""What a judge's answer says: the verdict, and how sure the model was of it.

An answer is read strictly, because a wrong reading is a wrong vote: it counts where its first or its last line is
a verdict word and nothing else (marks like `**A**` or `Verdict: A` aside), or where the words are marked so that
they cannot be ordinary text (`[[A]]`), and it says one thing only. Everything else is no verdict.

The log-odds are those of the token that decides: the probabilities of the candidates for its place are summed per
verdict, a tie counts half for either side, and a verdict that the server did not list gets the largest
probability that it can have. So they understate, never overstate.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from weaklabel.errors import ConfigError
from weaklabel.servers.protocol import Reply, Token

FIRST, TIE, SECOND = "first", "tie", "second"
VERDICT_STEP: Final = {FIRST: 1.0, TIE: 0.0, SECOND: -1.0}
"""What a verdict counts where there are no log-probabilities: for the response that was shown first."""

_THINKING: Final = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_LABEL: Final = re.compile(
    r"(?:(?:my |the )?(?:final )?(?:verdict|answer|winner|choice|judge?ment)(?: is)?)\s*:?\s*", re.IGNORECASE
)
_MARKS: Final = " \t*_`\"'.:()[]{}#>-!"
_SMALLEST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the three verdicts. `tie` may be empty: the judge then has to decide.

    >>> Words("[[A]]", "[[B]]", "[[C]]").first
    '[[A]]'
    """

    first: str = "A"
    second: str = "B"
    tie: str = "tie"

    def __post_init__(self) -> None:
        folded = [word.casefold().strip() for word in self.given]
        if not (self.first.strip() and self.second.strip()) or len(set(folded)) < len(folded):
            raise ConfigError(
                f"the verdict words are {self.first!r}, {self.second!r} and {self.tie!r}. "
                "Give different words for a and b; tie may be empty."
            )

    @property
    def given(self) -> tuple[str, ...]:
        return tuple(word for word in (self.first, self.second, self.tie) if word)

    @property
    def by_verdict(self) -> dict[str, str]:
        return {FIRST: self.first, SECOND: self.second} | ({TIE: self.tie} if self.tie else {})


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer, read.

    Attributes:
        verdict: "first", "second" or "tie"; None where the answer is no verdict.
        log_odds: of the first response against the second, in nats; None where the server gave no log-probabilities.
        problem: why there is no verdict, "" where there is one.
    """

    verdict: str | None
    log_odds: float | None = None
    problem: str = ""


def read_reply(reply: Reply, words: Words) -> Reading:
    """The verdict in an answer and its log-odds.

    >>> read_reply(Reply("**A**"), Words()).verdict, read_reply(Reply("A good answer."), Words()).problem
    ('first', "no verdict in 'A good answer.'")
    """
    shown = " ".join(reply.text.split())
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    if reply.refused:
        return Reading(None, None, f"refused: {shown!r}")
    found = find_verdict(reply.text, words)
    if found is None:
        cut = " (cut off at max_tokens)" if reply.finish == "length" else ""
        return Reading(None, None, f"no verdict in {shown!r}{cut}")
    verdict, start = found
    return Reading(verdict, _log_odds(reply, verdict, start, words))


def find_verdict(text: str, words: Words) -> tuple[str, int] | None:
    """The verdict and where its word begins, None where the text says none, or more than one."""
    # Blanked, not cut: places in the text must stay what they are.
    text = _THINKING.sub(lambda match: " " * len(match.group()), text)
    found = [*_alone_on_a_line(text, words), *_marked(text, words)]
    return found[-1] if len({verdict for verdict, _ in found}) == 1 else None


def _alone_on_a_line(text: str, words: Words) -> list[tuple[str, int]]:
    lines = [match for match in re.finditer(r"[^\n]+", text) if match.group().strip(_MARKS)]
    found = []
    for line in dict.fromkeys((*lines[:1], *lines[-1:])):
        text, begin = line.group(), _past_marks(line.group(), 0)
        if label := _LABEL.match(text, begin):
            begin = _past_marks(text, label.end())
        said = text[begin:].strip(_MARKS).casefold()
        for verdict, word in words.by_verdict.items():
            if said == word.strip(_MARKS).casefold():
                found.append((verdict, line.start() + begin))
    return found


def _past_marks(text: str, begin: int) -> int:
    return len(text) - len(text[begin:].lstrip(_MARKS))


def _marked(text: str, words: Words) -> list[tuple[str, int]]:
    """Words that carry marks of their own, such as [[A]], wherever they stand."""
    return [
        (verdict, match.start())
        for verdict, word in words.by_verdict.items()
        if not word.strip()[0].isalnum()
        for match in re.finditer(re.escape(word.strip()), text, re.IGNORECASE)
    ]


def _log_odds(reply: Reply, verdict: str, start: int, words: Words) -> float | None:
    """Of first against second, from the candidates of the token in which the verdict shows."""
    spelt = {v: _bare(word) for v, word in words.by_verdict.items()}
    found = _deciding_token(reply, start, words.by_verdict[verdict], _shared(verdict, words))
    if found is None:
        return None
    before, token = found
    mass, listed = dict.fromkeys(spelt, 0.0), 0.0
    for candidate, logprob in token.candidates:
        share = math.exp(min(0.0, logprob))
        listed += share
        meant = _meant(_bare(before), _bare(candidate), spelt)
        if meant is not None:
            mass[meant] += share
    smallest = min(math.exp(min(0.0, logprob)) for _, logprob in token.candidates)
    unseen = max(_SMALLEST, min(smallest, 1.0 - listed))
    tie = mass.get(TIE, 0.0) / 2
    return math.log((mass[FIRST] or unseen) + tie) - math.log((mass[SECOND] or unseen) + tie)


def _deciding_token(reply: Reply, start: int, word: str, shared: int) -> tuple[str, Token] | None:
    """The token that holds the first character in which `word` differs, and what of the word stands before it.

    The tokens may hold more than the text (thoughts, white space that was trimmed), so the text is looked for in them.
    """
    text = "".join(token.text for token in reply.tokens)
    inner = reply.text.strip()
    shift = text.rfind(inner) - (len(reply.text) - len(reply.text.lstrip()))
    own = re.compile(re.escape(word.strip(_MARKS)), re.IGNORECASE)
    match = own.search(text, max(0, start + shift)) if inner and inner in text else None
    if match is None:
        return None
    begin = match.start()
    decides = begin + min(shared, len(word.strip(_MARKS)) - 1)
    place = 0
    for token in reply.tokens:
        if place <= decides < place + len(token.text):
            return (text[begin : max(begin, place)], token) if token.candidates else None
        place += len(token.text)
    return None


def _shared(verdict: str, words: Words) -> int:
    """How many characters the word of `verdict` shares with the most similar other one."""
    spelt = {v: word.strip(_MARKS).casefold() for v, word in words.by_verdict.items()}
    return max(_common(spelt[verdict], word) for other, word in spelt.items() if other != verdict)


def _common(one: str, other: str) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length


def _meant(before: str, candidate: str, spelt: dict[str, str]) -> str | None:
    """The one verdict that `before` and this candidate can be the beginning of, or the whole of; None for none."""
    if not candidate:
        return None
    said = before + candidate
    fits = [v for v, word in spelt.items() if word.startswith(said) or _begins(said, word)]
    return fits[0] if len(fits) == 1 else None


def _begins(said: str, word: str) -> bool:
    return said.startswith(word) and not said[len(word) : len(word) + 1].isalnum()


def _bare(text: str) -> str:
    """Without marks at its ends and white space anywhere: tokens carry their spaces in many ways."""
    return "".join(text.strip(_MARKS + "\n").casefold().split())
