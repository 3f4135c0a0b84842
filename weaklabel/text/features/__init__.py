"""Text features: numbers that say what responses look like, alone or beside their prompts.

Each takes one text (a `Text` or a plain `str`) and returns a float, or a `TextColumn` and returns an array with the
same floats, bit for bit. Any Unicode gives a finite number, the empty string included. On a `Text` and on a column
a feature is computed at most once, however many labeling functions ask for it.

`FEATURES` (of a response) and `PROMPT_FEATURES` (of a response and its prompt) list them by name. To add one, write
it for one text under `@feature`; where that is slow, write it once more for columns under `@name.on_columns`.

Sources: Flesch, "A new readability yardstick", 1948 (reading ease); Hutto and Gilbert, "VADER", ICWSM 2014
(sentiment, valence); Hauptvogel et al. 2024, arXiv 2410.20869 (which of them go with preference).
"""

from weaklabel.text.features._registry import FEATURES as FEATURES
from weaklabel.text.features._registry import PROMPT_FEATURES as PROMPT_FEATURES
from weaklabel.text.features._registry import Feature as Feature
from weaklabel.text.features._registry import PromptFeature as PromptFeature
from weaklabel.text.features._registry import feature as feature
from weaklabel.text.features._registry import prompt_feature as prompt_feature
from weaklabel.text.features._registry import remembered as remembered
from weaklabel.text.features.words import content_words as content_words
from weaklabel.text.features.words import distinct_words as distinct_words
from weaklabel.text.features.words import stem as stem
from weaklabel.text.features.words import syllables as syllables
from weaklabel.text.features.words import words as words
from weaklabel.text.patterns import Pattern as Pattern

# isort: split
# In the order in which they are listed.
from weaklabel.text.features.wording import flesch_reading_ease as flesch_reading_ease
from weaklabel.text.features.wording import lexical_diversity as lexical_diversity
from weaklabel.text.features.wording import log_words as log_words
from weaklabel.text.features.wording import long_word_share as long_word_share
from weaklabel.text.features.wording import n_chars as n_chars
from weaklabel.text.features.wording import n_distinct_words as n_distinct_words
from weaklabel.text.features.wording import n_lines as n_lines
from weaklabel.text.features.wording import n_paragraphs as n_paragraphs
from weaklabel.text.features.wording import n_sentences as n_sentences
from weaklabel.text.features.wording import n_words as n_words
from weaklabel.text.features.wording import sentiment as sentiment
from weaklabel.text.features.wording import valence as valence
from weaklabel.text.features.wording import word_length as word_length
from weaklabel.text.features.wording import word_variety as word_variety
from weaklabel.text.features.wording import words_per_sentence as words_per_sentence

# isort: split
from weaklabel.text.features.marks import n_bold as n_bold
from weaklabel.text.features.marks import n_citations as n_citations
from weaklabel.text.features.marks import n_code_fences as n_code_fences
from weaklabel.text.features.marks import n_equations as n_equations
from weaklabel.text.features.marks import n_exclamations as n_exclamations
from weaklabel.text.features.marks import n_headings as n_headings
from weaklabel.text.features.marks import n_inline_code as n_inline_code
from weaklabel.text.features.marks import n_links as n_links
from weaklabel.text.features.marks import n_list_items as n_list_items
from weaklabel.text.features.marks import n_names as n_names
from weaklabel.text.features.marks import n_numbered_items as n_numbered_items
from weaklabel.text.features.marks import n_numbers as n_numbers
from weaklabel.text.features.marks import n_parentheses as n_parentheses
from weaklabel.text.features.marks import n_questions as n_questions
from weaklabel.text.features.marks import n_quotations as n_quotations
from weaklabel.text.features.marks import n_table_rows as n_table_rows
from weaklabel.text.features.marks import n_units as n_units

# isort: split
from weaklabel.text.features.phrases import Phrases as Phrases
from weaklabel.text.features.phrases import n_advice as n_advice
from weaklabel.text.features.phrases import n_apologies as n_apologies
from weaklabel.text.features.phrases import n_connectives as n_connectives
from weaklabel.text.features.phrases import n_disclaimers as n_disclaimers
from weaklabel.text.features.phrases import n_empathy as n_empathy
from weaklabel.text.features.phrases import n_examples as n_examples
from weaklabel.text.features.phrases import n_first_person as n_first_person
from weaklabel.text.features.phrases import n_hedges as n_hedges
from weaklabel.text.features.phrases import n_not_knowing as n_not_knowing
from weaklabel.text.features.phrases import n_polite as n_polite
from weaklabel.text.features.phrases import n_refusals as n_refusals
from weaklabel.text.features.phrases import n_second_person as n_second_person
from weaklabel.text.features.phrases import opens_with_filler as opens_with_filler

# isort: split
from weaklabel.text.features.faults import ends_with_question as ends_with_question
from weaklabel.text.features.faults import longest_run as longest_run
from weaklabel.text.features.faults import repeated_sentence_share as repeated_sentence_share
from weaklabel.text.features.faults import repeated_trigram_share as repeated_trigram_share
from weaklabel.text.features.faults import unfinished as unfinished

# isort: split
from weaklabel.text.features.prompts import copied_share as copied_share
from weaklabel.text.features.prompts import last_turn as last_turn
from weaklabel.text.features.prompts import new_content_words as new_content_words
from weaklabel.text.features.prompts import prompt_coverage as prompt_coverage
