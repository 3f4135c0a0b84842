"""Texts of what column engines and Python see differently, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

# White space, controls, quotes, marks, letters with odd cases, digits of other scripts, joiners, combining marks.
_SIGNS = list(
    "aAbkKsSiI xX.?!,'’“”—_0129-*#`|\"()[]\n\t\r\x1c\x1f\x0b\x00\x85\xa0\u2028éÉßẞſKİıΣςӁ日²½१‿\u200d\ufe0f\u0301🙂ﬁǅ"
)
_PIECES = [
    "good ", "not ", "sorry ", "i don't know ", "I’m not sure ", "\n- ", "\n1. ", "\r\n\r\n", "\n\n", "```\n", "`x`", ". ",
    "running runs ", "according to ", "https://a.b ", "Human: ", "\nUser: ", "x" * 9, "y" * 17, "ж" * 9, "日" * 40,
    "Yes it is. ", "12 km ", "| a |\n", "**b** ", "Plan:\n", "maybe", "(c d)", "= 3", "Sure! ",
]  # fmt: skip

odd_texts = st.lists(
    st.one_of(
        st.sampled_from(_SIGNS),
        st.sampled_from(_PIECES),
        st.characters(exclude_categories=["Cs"]),  # no lone surrogates: no UTF-8 holds them
    ),
    max_size=40,
).map("".join)
