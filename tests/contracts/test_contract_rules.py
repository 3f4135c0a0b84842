"""What every rule of `check` keeps."""

from __future__ import annotations

import re

import pytest

from weaklabel.lf.checks import CONTRACT_RULES
from weaklabel.workbench.rules import RULES, explain_rule

every = pytest.mark.parametrize("code", sorted(RULES))


@every
def test_a_rule_stands_under_its_own_code_and_explains_itself(code: str) -> None:
    assert re.fullmatch(r"WL\d{3}", code)
    assert RULES[code].code == code
    text = explain_rule(code.lower())
    assert text.startswith(f"{code} {RULES[code].title} ({RULES[code].severity})\n")
    assert "\n\nWhy it matters: " in text
    assert "\n\nWhat to do: " in text


@every
def test_a_rule_has_words_of_its_own(code: str) -> None:
    for other in set(RULES) - {code}:
        assert RULES[other].title != RULES[code].title
        assert RULES[other].what != RULES[code].what


def test_rules_stand_in_order_and_those_of_the_contract_are_among_them() -> None:
    assert list(RULES) == sorted(RULES)
    assert CONTRACT_RULES.items() <= RULES.items()
