"""`People`: questions written into a file, answered by hand, and read by the next run.

Each line of the file is one question. A person fills in `answer`; a page may do it for them.

    {"id": "3f2a...", "kind": "pair", "prompt": "...", "first": "...", "second": "...", "answer": null}
    {"id": "b81c...", "kind": "response", "prompt": "...", "response": "...", "answer": null}

Which response is shown first is drawn once for each pair, so that a taste for a place does not add up over pairs. A
line is never removed; an editor may rewrite the file, and lines that it lost are asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from weaklabel._paths import expanded
from weaklabel.artifacts import content_hash, parse_json
from weaklabel.artifacts.growing import GrowingFile
from weaklabel.comparers.content import Content, uniform
from weaklabel.comparers.expert import check_asked
from weaklabel.comparers.kept import PAIR, RESPONSE
from weaklabel.errors import ConfigError, DataError, WaitingError, WeaklabelError
from weaklabel.types import Comparer, FloatArray, Pair, Pairs, Text

_SALT: Final = "people 1"
ANSWERS: Final[Mapping[str, float]] = {"first": 0.0, "second": 1.0, "tie": 0.5}
"""What a person may answer about a pair, as the position of P(second is better)."""


class People(Comparer):
    """A comparer that waits for people.

    Args:
        file: of the questions, JSON lines; made with the first question.
        scale: lowest and highest score of a single response.

    Raises:
        ConfigError: a scale whose ends are no numbers, or not in their order. PathError: a path that no file can have.

    Answers are checked when they are read: by a person's hand anything may be in the file.
    """

    def __init__(self, file: str | Path, *, scale: tuple[float, float] = (1, 5)) -> None:
        self.path, self.scale = Path(expanded(file, "people")), scale
        if not all(isinstance(end, int | float) for end in scale) or not scale[0] < scale[1]:
            raise ConfigError(
                f"People: scale is {scale!r}. Allowed: two numbers, the lower first, such as (1, 5)."
            )
        self.name = f"people ({self.path.name})"

    def compare(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)`: 1, 1/2 or 0. Equal responses are 1/2 and are not asked about.

        Raises:
            WaitingError: some questions have no answer yet; they are in the file now.
            DataError: an answer that is none, or two answers to one question that differ.
        """
        content = Content.of(pairs, _SALT)
        answers, open_ids = self._read(PAIR)
        texts = [pairs.table[name].to_pylist() for name in ("prompt", "messages", "response_a", "response_b")]
        p, missing = np.full(len(pairs), 0.5), dict[str, dict[str, Any]]()
        for row, (key, prompt, messages, a, b) in enumerate(zip(content.keys, *texts, strict=True)):
            if content.same[row]:
                continue
            # Shown in the key's order or the other, by a coin that the key throws.
            in_order, id_ = uniform(key) < 0.5, key[:16]
            first, second = (b, a) if content.turned[row] == in_order else (a, b)
            if id_ in answers:
                said = answers[id_]
                p[row] = said if in_order else 1.0 - said
            else:
                told = {"conversation": messages} if messages else {}
                missing[id_] = {
                    "id": id_,
                    "kind": PAIR,
                    "prompt": prompt,
                    **told,
                    "first": first,
                    "second": second,
                }
        self._wait_for(missing, PAIR, open_ids, len(pairs), f"one of {', '.join(ANSWERS)}")
        return content.straightened(p)

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> FloatArray:
        """`(n,)` float64 scores within the scale.

        Raises:
            WaitingError, DataError: as `compare`.
        """
        check_asked(self.name, prompts, responses)
        answers, open_ids = self._read(RESPONSE)
        scores, missing = np.zeros(len(responses)), dict[str, dict[str, Any]]()
        for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            id_ = _response_id(prompt, response)
            if id_ in answers:
                scores[row] = answers[id_]
            else:
                missing[id_] = {"id": id_, "kind": RESPONSE, "prompt": prompt, "response": response}
        self._wait_for(
            missing,
            RESPONSE,
            open_ids,
            len(responses),
            f"a number from {self.scale[0]:g} to {self.scale[1]:g}",
        )
        return scores

    def _wait_for(
        self,
        missing: Mapping[str, Mapping[str, Any]],
        kind: str,
        open_ids: set[str],
        n: int,
        allowed: str,
    ) -> None:
        if not missing:
            return
        file = GrowingFile(self.path)
        with file.held():
            # Another run may have asked meanwhile.
            known = self._read(kind)[1] | open_ids
            new = [{**question, "answer": None} for id_, question in missing.items() if id_ not in known]
            file.append(*new)
        raise WaitingError(
            f'{self.path}: {len(missing):,} of {n:,} questions have no answer yet. Fill in "answer" ({allowed}) and run the '
            "same command again."
        )

    def _read(self, kind: str) -> tuple[dict[str, float], set[str]]:
        """Answers by question, and the questions without one, of a kind."""
        answers, lines, asked = dict[str, float](), dict[str, int](), set[str]()
        try:
            text = self.path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
        except FileNotFoundError:
            return {}, set()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.path} cannot be read ({error}). Save it as UTF-8 text.") from None
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            id_, of, said = self._answer(line, number, kind)
            if of != kind:
                continue
            asked.add(id_)
            if said is None:
                continue
            if answers.setdefault(id_, said) != said:
                raise DataError(
                    f"{self.path}, lines {lines[id_]} and {number}: question {id_!r} has two answers that differ. Keep one."
                )
            lines.setdefault(id_, number)
        return answers, asked - answers.keys()

    def _answer(self, line: str, number: int, wanted: str) -> tuple[str, str, float | None]:
        """Which question, of which kind, and the answer to it; None where it is open. What counts, `wanted`, was asked so."""
        where = f"{self.path}, line {number}"
        try:
            found = parse_json(line)
            id_, said, kind = str(found["id"]), found.get("answer"), found["kind"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(
                f"{where} is not a question (JSON with id, kind and answer). Mend or delete the line."
            ) from None
        if kind not in (PAIR, RESPONSE):
            raise DataError(f"{where}: kind is {kind!r}. Allowed: {PAIR}, {RESPONSE}.")
        if said is None or said == "":
            return id_, kind, None
        if kind == wanted and _id_of(found) != id_:
            raise DataError(
                f"{where} answers a question that nobody asked: its id {id_[:20]!r} is not that of its texts. Put the line back as it "
                "was written, or delete it."
            )
        if kind == PAIR:
            if isinstance(said, str) and said.strip().lower() in ANSWERS:
                return id_, kind, ANSWERS[said.strip().lower()]
            raise DataError(
                f"{where}: answer is {said!r}. Allowed: {', '.join(ANSWERS)}; null where it is open."
            )
        low, high = self.scale
        if isinstance(said, int | float) and not isinstance(said, bool) and low <= said <= high:
            return id_, kind, float(said)
        raise DataError(
            f"{where}: answer is {said!r}. Allowed: a number from {low:g} to {high:g}; null where it is open."
        )


def _response_id(prompt: str, response: str) -> str:
    return content_hash("people response 1", prompt, response)[:16]


def _id_of(question: Mapping[str, Any]) -> str | None:
    """The id of what a line asks; None where its texts are none."""
    try:
        if question["kind"] == RESPONSE:
            return _response_id(question["prompt"], question["response"])
        prompt, first, second = (Text(question[name]) for name in ("prompt", "first", "second"))
        pair = Pair("", prompt, first, second, messages=tuple(question.get("conversation") or ()))
        return Content.of(Pairs.of([pair]), _SALT).keys[0][:16]
    except (WeaklabelError, AttributeError, KeyError, TypeError, ValueError):
        return None
