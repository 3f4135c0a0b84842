"""Marks on the page: lists, headings, code, numbers, names; all of them counts of a pattern.

The patterns spell their classes out in ASCII.
"""

from __future__ import annotations

import re

from weaklabel.text.features._registry import Feature, feature
from weaklabel.text.patterns import count_matches
from weaklabel.types import Text


def _counts(name: str, pattern: str, doc: str, flags: int = 0) -> Feature:
    compiled = re.compile(pattern, re.ASCII | re.MULTILINE | flags)

    def count(text: Text) -> float:
        return len(compiled.findall(text))

    count.__name__ = count.__qualname__ = name
    count.__doc__ = doc
    made = feature(count)
    made.on_columns(lambda texts: count_matches(texts, compiled))
    return made


n_numbers = _counts("n_numbers", r"\b[0-9]+\b", "Whole numbers that stand alone; `3.14` counts as two.")
n_list_items = _counts(
    "n_list_items",
    r"^[ \t]*(?:[-*+•]|[0-9]{1,3}[.)])[ \t]+[^ \t\n]",
    "Lines that are bulleted or numbered items.",
)
n_numbered_items = _counts(
    "n_numbered_items", r"^[ \t]*[0-9]{1,3}[.)][ \t]+[^ \t\n]", "Lines that are numbered items."
)
n_headings = _counts(
    "n_headings",
    r"^[ \t]*(?:#{1,6}[ \t]+[^ \t\n]|\*\*[^*\n]+\*\*:?[ \t]*$|[A-Z][A-Za-z0-9 ,&-]{2,60}:[ \t]*$)",
    "Lines that are headings: marked with #, all bold, or a few words and a colon.",
)
n_code_fences = _counts("n_code_fences", r"^[ \t]*```", "Lines that open or close a code block.")
n_inline_code = _counts("n_inline_code", r"`[^`\n]+`", "Pieces of `inline code`.")
n_table_rows = _counts("n_table_rows", r"^[ \t]*\|[^\n]*\|[ \t]*$", "Rows of a Markdown table.")
n_bold = _counts("n_bold", r"\*\*[^*\n]+\*\*", "Pieces of **bold** text.")
n_links = _counts("n_links", r"https?://[^ \t\n)>\]]+|\bwww\.[^ \t\n)>\]]+", "Web addresses.")
n_citations = _counts(
    "n_citations",
    r"\[[0-9]{1,3}\]|\([A-Z][A-Za-z&., -]{1,60},? (?:19|20)[0-9]{2}[a-z]?\)|\baccording to\b|\bet al\b|\bdoi:",
    "Sources named: [1], (Smith, 2020), according to, et al.",
    re.IGNORECASE,
)
n_questions = _counts("n_questions", r"[?？؟]+", "Runs of question marks.")
n_exclamations = _counts("n_exclamations", r"!+", "Runs of exclamation marks.")
n_names = _counts("n_names", r"[a-z,;:] [A-Z][a-z]+", "Capitalised words inside a sentence: names, mostly.")
n_quotations = _counts("n_quotations", r"\"[^\"\n]{2,}\"|“[^”\n]{2,300}”", "Quoted pieces.")
n_parentheses = _counts("n_parentheses", r"\([^()\n]{2,}\)", "Remarks in parentheses.")
n_units = _counts(
    "n_units",
    r"[0-9] ?(?:%|°|kg|g|mg|km|cm|mm|m|ft|lb|lbs|oz|ml|l|mph|kmh|hours?|hrs?|minutes?|mins?|seconds?|days?|weeks?"
    r"|months?|years?|percent|degrees|dollars|euros?|cups?|miles?|teaspoons?|tablespoons?)\b|[$€£] ?[0-9]",
    "Numbers with a unit or a currency.",
    re.IGNORECASE,
)
n_equations = _counts(
    "n_equations", r"[0-9A-Za-z)] ?= ?[-(0-9A-Za-z\\]", "Equality signs with something on both sides."
)
