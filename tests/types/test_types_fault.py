"""`Fault`: what went wrong, as data that survive a file and read as a sentence."""

from __future__ import annotations

import json

import pytest

from weaklabel.types import FAULT_KINDS, Fault


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_kind_comes_back_from_json_as_it_was(kind):
    fault = Fault(
        "polite", "p1", kind, "says 'no'", exception="KeyError", where="style.py:3", hint="Mend it."
    )
    assert Fault.from_dict(json.loads(json.dumps(fault.to_dict()))) == fault


def test_what_is_empty_is_left_out_and_comes_back_empty():
    fault = Fault("polite", "p1", "raised", "", exception="ValueError")
    assert fault.to_dict() == {"lf": "polite", "pair_id": "p1", "kind": "raised", "exception": "ValueError"}
    assert Fault.from_dict(fault.to_dict()) == fault


@pytest.mark.parametrize("values", [{"kind": "sulked"}, {}, {"kind": "raised", "colour": "red"}])
def test_what_is_not_a_fault_is_refused(values):
    with pytest.raises((KeyError, TypeError)):
        Fault.from_dict({"lf": "polite", "pair_id": "p1", **values})


def test_an_exception_without_a_message_ends_at_its_class():
    assert str(Fault("polite", "p1", "raised", "", exception="ValueError")) == (
        "'polite' raised ValueError (pair 'p1')"
    )


def test_a_model_that_did_not_answer_is_named_with_the_pair():
    fault = Fault("gpt", "p1", "unanswered", "got no answer: it answered 500")
    assert str(fault) == "'gpt' got no answer: it answered 500 (pair 'p1')"
