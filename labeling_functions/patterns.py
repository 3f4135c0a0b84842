"""Turns of phrase that went with preference, as in the reference paper; the patterns are our own."""

from weaklabel.lf import pattern_scorer

_ATTRIBUTION = r"\b(according to|as (stated|reported|noted) (by|in)|(studies|research) (show|suggest)s?)\b"
_EXAMPLE = r"\b(for (example|instance)|such as|e\.g\.)"
_SUMMARY = r"\b(in (summary|short|conclusion)|to (summarize|sum up)|overview of|overall,)"
_BOTH_SIDES = r"\b(pros and cons|advantages? and disadvantages?|on the (one|other) hand|benefits and (risks|drawbacks))\b"
_RULE = r"([^\s\w])\1{3,}|(\w)\2{3,}"

_GUESS = r"\b(i('d)? guess|maybe|perhaps)\b"
_BEST_PRACTICE = r"\bbest practices?\b"
_UNSURE = r"\b(not (quite |entirely |really )?(sure|clear|certain)|unclear)\b"
_IGNORANT = r"\b(i (don't|do not) (really )?know|no idea)\b"
_ASKS_BACK = r"^.{0,60}\?\s*$"
_COULD_BE = r"\bit (could|might|may) be\b"
_UNDERSTANDING = r"\bunderstand (the|your) question\b"

hh_patterns = pattern_scorer(
    "hh_patterns",
    good=[
        _ATTRIBUTION,
        _EXAMPLE,
        _SUMMARY,
        _BOTH_SIDES,
        r"\b(can|could) you (clarify|explain|tell me more)\b|\bwhat do you mean\b",
        r"\byou('re| are) (very |most )?welcome\b",
        r"\b(it('s| is) possible|there (may|might) be)\b",
        r"\b(options?|choices?|alternatives?)\b",
        r"\b(centur(y|ies)|decades|thousands of years|long history)\b",
        r"\b(sorry to hear|that (sounds|must be)|i can imagine)\b",
        r"\b(\w{4,}) \1\b",
        _UNDERSTANDING,
        r"\b(depends on|it depends)\b",
        r"\bi('d| would) (suggest|recommend)\b",
    ],
    bad=[
        _GUESS,
        _BEST_PRACTICE,
        _UNSURE,
        _IGNORANT,
        _ASKS_BACK,
        r"(\w)\1{3,}",
        r"^(ok|okay|yes|no|sure)[.!]?$",
    ],
)

turns_of_phrase = pattern_scorer(
    "turns_of_phrase",
    good=[_ATTRIBUTION, _EXAMPLE, _SUMMARY, _BOTH_SIDES, _RULE],
    bad=[_GUESS, _BEST_PRACTICE, _UNSURE, _IGNORANT, _ASKS_BACK, _COULD_BE, _UNDERSTANDING],
)
