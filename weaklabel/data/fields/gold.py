"""Where the gold of a file stands: what the user named, what the layout defines, and columns that may be gold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from weaklabel.data.fields.decode import is_list, leaves
from weaklabel.data.fields.roles import MARKS, side_pairs
from weaklabel.data.readers import Layout
from weaklabel.data.readers.answers import SCORE_KEYS
from weaklabel.data.readers.base import GOLD_COLUMNS, Row, RowProblem, is_missing
from weaklabel.data.readers.gold_rule import LABEL_NUMBERS, GoldRule, folded_name, gold_question, speaks
from weaklabel.errors import ConfigError, GoldError
from weaklabel.types.verdicts import A, B, VerdictMap, number_in, suggested, verdict_key

_CHOSEN: Final = ("hh", "ultrafeedback", "trl", "swift", "trl_implicit")
_INDEX: Final = "better_response_id"
_OUTCOME: Final = re.compile(
    r"(?:^|[_\W])(?:is|has)?_?(?:winner|wins|won|better|preferred)(?=[_\W]|$)", re.IGNORECASE
)
_TIE: Final = re.compile(r"(?:^|[_\W])(?:tie|tied|draw)(?=[_\W]|$)", re.IGNORECASE)
# "a_is_better", "first_wins": what true means is the name's first part.
_SIDE: Final = re.compile(
    r"(?:^|_)(a|b|1|2|0|first|second|left|right)_(?:is_|was_)?(?:the_)?(?:better|best|preferred|wins|won|winner)",
    re.IGNORECASE,
)
_TEXTS: Final = (
    "prompt",
    "messages",
    "response_a",
    "response_b",
    "chosen",
    "rejected",
    "responses",
    "system",
)
_MAYBE: Final = re.compile(
    r"gold|label|winner|prefer|better|best|choice|chosen|verdict|judge?ment|vote|selected|rating|score|helpful|(?:^|_)(?:wins|won)(?:_|$)",
    re.IGNORECASE,
)


def gold_rule(
    layout: Layout,
    names: Sequence[str],
    rows: Sequence[Row],
    columns: Mapping[str, str],
    values: VerdictMap | None,
    file: str,
    *,
    beside_gold: bool = False,
) -> GoldRule:
    """How gold is read.

    Args:
        layout: the file's.
        names: its columns as they are called after renaming.
        rows: the first rows.
        columns: ours -> theirs, as the user named them.
        values: the user's own coding.
        file: for messages.
        beside_gold: whether gold also comes in a file of its own, which `values` code too.

    Raises:
        GoldError: verdicts that are numbers whose meaning nobody has said.
        ConfigError: gold named, or coded, where the layout says by itself what is gold.
    """
    rule = _found(layout, names, rows, columns, values)
    if values is not None and rule.column is None and not beside_gold:
        raise ConfigError(f"{file}: gold_values codes a verdict, but {_no_verdict(layout, rule)}")
    unread = rule.unknown(rows) if rule.column else []
    if not rule.numbers and any(is_coded(key) for key in unread):
        raise GoldError(f"{file}: {gold_question(rule, unread)}")
    return replace(rule, unread=tuple(unread))


def _no_verdict(layout: Layout, rule: GoldRule) -> str:
    if layout.name in _CHOSEN:
        return (
            f"in the layout {layout.name!r} the better answer is the chosen one. Remove gold_values, or name response_a, "
            "response_b and gold in columns."
        )
    if rule.used:
        return f"gold stands in {rule.shown}, a number for each response. Remove gold_values, or name gold in columns."
    return "no column is gold. Name it in columns, as gold = ...."


def is_coded(key: str) -> bool:
    """Whether a value is a code, which says nothing by itself: a number, true or false."""
    return number_in(key) is not None or key in ("true", "false")


def _found(
    layout: Layout,
    names: Sequence[str],
    rows: Sequence[Row],
    columns: Mapping[str, str],
    values: VerdictMap | None,
) -> GoldRule:
    scores = [name for name in ("gold_a", "gold_b", "gold_tie") if name in names]
    order = ("winner", *GOLD_COLUMNS) if layout.name == "mt_bench" else GOLD_COLUMNS
    column = next((name for name in order if name in names), None)
    if layout.name in _CHOSEN:
        if named := [name for name in (*scores, *GOLD_COLUMNS) if name in columns]:
            raise ConfigError(
                f"columns names {named[0]}={columns[named[0]]}, but in the layout {layout.name!r} the chosen answer is the "
                "better one. Name response_a and response_b instead of chosen and rejected, or leave it out."
            )
        return GoldRule()
    if layout.name == "ranked" and not (scores or set(GOLD_COLUMNS) & set(columns)):
        return GoldRule()
    if scores:
        return _of_columns(scores, columns)
    if column is not None:
        return _of_verdict(column, names, columns, values)
    outcomes = outcome_columns(names, rows)
    if outcomes is not None:
        return GoldRule(outcomes=outcomes[0], ties=outcomes[1], shown=" and ".join(outcomes[0]))
    return GoldRule()


def _of_columns(names: Sequence[str], columns: Mapping[str, str]) -> GoldRule:
    shown = " and ".join(columns.get(name, name) for name in names)
    if len(names) < 2 or names[:2] != ["gold_a", "gold_b"]:
        raise ConfigError(
            f"columns names {names[0]}={columns.get(names[0], names[0])} alone. Name gold_a and gold_b, a number for each "
            "response, of which the larger one wins."
        )
    pair = ("gold_a", "gold_b")
    if len(names) == 3:
        return GoldRule(outcomes=pair, ties=("gold_tie",), shown=shown, named=True)
    return GoldRule(scores=pair, shown=shown, named=True)


def _of_verdict(
    column: str, names: Sequence[str], columns: Mapping[str, str], values: VerdictMap | None
) -> GoldRule:
    theirs = {ours: columns.get(ours, ours) for ours in (column, "response_a", "response_b")}
    first, second = theirs["response_a"], theirs["response_b"]
    own = column in ("gold", "label") and all(ours == name for ours, name in theirs.items())
    numbers = LABEL_NUMBERS if own else {}
    if theirs[column] == _INDEX and (first, second) == ("response_0", "response_1"):
        numbers = {"0": A, "1": B}  # of PKU-SafeRLHF: the number in the name of the better response
    whole = {first: A, second: B} if first != "response_a" else {}
    called = {folded_name(n): side for name, side in whole.items() for n in (name, name.rpartition(".")[2])}
    models = _models(names, first, second)
    return GoldRule(
        column=column,
        shown=theirs[column],
        values=values,
        numbers=numbers,
        names=called,
        models=models,
        named=column in columns,
    )


def _models(names: Sequence[str], first: str, second: str) -> tuple[str, str] | None:
    """The columns that name the models behind the two responses, with the same marks of the sides."""
    if {"model_a", "model_b"} <= set(names):
        return "model_a", "model_b"
    for marks in MARKS:
        if (first, second) in side_pairs([first, second], *marks):
            found = [pair for pair in side_pairs(names, *marks) if "model" in pair[0].lower()]
            return found[0] if len(found) == 1 else None
    return None


def outcome_columns(
    names: Sequence[str], rows: Sequence[Row]
) -> tuple[tuple[str, str], tuple[str, ...]] | None:
    """Columns of which one says that the first response won and another that the second did, and those of a tie.

    >>> outcome_columns(["winner_model_a", "winner_model_b", "winner_tie"], [{"winner_model_a": 1, "winner_model_b": 0}])
    (('winner_model_a', 'winner_model_b'), ('winner_tie',))
    """
    pairs = [
        pair
        for marks in MARKS
        for pair in side_pairs(names, *marks)
        if _OUTCOME.search(pair[0]) and all(_says_yes_or_no(rows, name) for name in pair)
    ]
    if len(pairs) != 1:
        return None
    ties = [n for n in names if n not in pairs[0] and _TIE.search(n) and _says_yes_or_no(rows, n)]
    return pairs[0], tuple(ties)


def _says_yes_or_no(rows: Sequence[Row], name: str) -> bool:
    values = {verdict_key(row[name]) for row in rows if not is_missing(row.get(name)) and row[name] != ""}
    return values <= {"0", "1", "true", "false"}


def verdict_column(names: Sequence[str], rows: Sequence[Row], columns: Mapping[str, str]) -> str | None:
    """The one column, by its name, whose verdicts everybody reads alike and that knows both sides; None if there is none.

    Args:
        names: columns as they are called after renaming.
        rows: the first rows.
        columns: ours -> theirs.
    """
    theirs = dict(columns.items())
    found = []
    for name in names:
        if not _MAYBE.search(name):
            continue
        renamed = [{"gold": row.get(name), **{n: row.get(n) for n in ("model_a", "model_b")}} for row in rows]
        rule = _of_verdict("gold", names, theirs | {"gold": columns.get(name, name)}, None)
        if not rule.unknown(renamed) and {"a", "b"} <= _verdicts(rule, renamed):
            found.append(columns.get(name, name))
    return found[0] if len(found) == 1 else None


def _verdicts(rule: GoldRule, rows: Sequence[Row]) -> set[str | None]:
    found = set()
    for row in rows:
        try:
            found.add(rule.read(row))
        except RowProblem:
            continue
    return found


def gold_hints(names: Sequence[str], rows: Sequence[Row], shown: Mapping[str, str]) -> list[str]:
    """Lines on columns that may be gold, and what to write if they are; `shown` gives names as the user's file has them."""
    hints = []
    for marks in MARKS:
        for first, second in side_pairs(names, *marks):
            if _MAYBE.search(first) and all(_holds_numbers(rows, name) for name in (first, second)):
                a, b = shown.get(first, first), shown.get(second, second)
                hints.append(
                    f"gold may be in {a} and {b}, a number for each response: if the larger one wins, add "
                    f'gold_a = "{a}", gold_b = "{b}" to columns'
                )
    hints += _nested_hints(rows, shown)
    paired = {name for marks in MARKS for pair in side_pairs(names, *marks) for name in pair}
    for name in names:
        keys = {
            verdict_key(row[name]) for row in rows if not is_missing(row.get(name)) and _is_cell(row[name])
        }
        if name in paired or not _MAYBE.search(name) or not 2 <= len(keys) <= 9:
            continue
        theirs = shown.get(name, name)
        hints.append(_hint(theirs, keys))
    hints += _hints_within(names, rows, shown)
    return hints[:6]


def _hint(name: str, keys: set[str], plain: bool = False) -> str:
    """What is said of a column that may hold verdicts; `plain` where they need no coding."""
    coded = ""
    if keys <= {"true", "false"} and (side := _SIDE.search(name)):
        first = side[1].casefold() in {first for first, _ in MARKS}
        coded = f' and gold_values = {{ "true" = "{"a" if first else "b"}", "false" = "{"b" if first else "a"}" }}'
    elif not plain and _needs_map(keys):
        coded = f" and gold_values = {suggested(keys)} (or the other way round)"
    few = ", ".join(sorted(keys)[:6])[:60]
    return f'gold may be in {name} ({few}): if it is, add gold = "{name}" to columns{coded}'


def _hints_within(names: Sequence[str], rows: Sequence[Row], shown: Mapping[str, str]) -> list[str]:
    """On verdicts inside lists and objects: of several annotators, or as tools for annotation write them."""
    hints = []
    sides = {folded_name(shown.get(name, name).rpartition(".")[2]) for name in ("response_a", "response_b")}
    for name in names:
        cells: dict[str, list[Any]] = {}
        for row in rows if name not in _TEXTS else ():
            for path, cell in leaves(row.get(name)):
                cells.setdefault(path, []).append(cell)
        for path, held in cells.items():
            keys = {verdict_key(cell) for cell in held if not is_missing(cell) and _is_cell(cell)}
            said = [cell for cell in held if speaks(cell) or folded_name(verdict_key(cell)) in sides]
            if 2 <= len(keys) <= 9 and 2 * len(said) > len(held):
                theirs = f"{shown.get(name, name)}.{path}"
                several = any(isinstance(row.get(name), list) and len(row[name]) > 1 for row in rows)
                more = "; the others in the list would not count" if several else ""
                hints.append(_hint(theirs, keys, {folded_name(key) for key in keys} <= sides) + more)
                break
    return hints[:2]


def rating_hints(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Lines on numbers inside a list of responses that may be their ratings, where the layout knows none."""
    hints = []
    for name in names:
        first = next((row[name][0] for row in rows if is_list(row.get(name))), None)
        for key, value in first.items() if isinstance(first, Mapping) else ():
            if _MAYBE.search(key) and isinstance(value, int | float) and not isinstance(value, bool):
                hints.append(
                    f'gold may be in {name}.{key}, a number for each response: if the larger one wins, add ratings = "{name}.{key}" '
                    "to columns; if 1 is best, ranks"
                )
    return hints[:2]


def _nested_hints(rows: Sequence[Row], shown: Mapping[str, str]) -> list[str]:
    """On scores inside responses that are objects."""
    held = [
        row[name] for row in rows for name in ("response_a", "response_b") if isinstance(row.get(name), dict)
    ]
    keys = [key for key in SCORE_KEYS if held and all(isinstance(obj.get(key), int | float) for obj in held)]
    a, b = (shown.get(name, name) for name in ("response_a", "response_b"))
    return [
        f'gold may be in {a}.{key} and {b}.{key}: if the larger one wins, add gold_a = "{a}.{key}", '
        f'gold_b = "{b}.{key}" to columns'
        for key in keys[:1]
    ]


def _is_cell(value: object) -> bool:
    return isinstance(value, str | int | float | bool) and len(str(value)) <= 40


def _needs_map(keys: set[str]) -> bool:
    return bool(GoldRule(column="x", shown="x").unknown([{"x": key} for key in keys]))


def _holds_numbers(rows: Sequence[Row], name: str) -> bool:
    values = [row.get(name) for row in rows if not is_missing(row.get(name)) and row.get(name) != ""]
    return bool(values) and all(
        not isinstance(v, bool)
        and (isinstance(v, int | float) or (isinstance(v, str) and number_in(verdict_key(v)) is not None))
        for v in values
    )
