"""Iterative label refinement: demonstrations that a comparer improves, and policies that are trained on them from their base.

settings arms        what can be asked for; ways to spend comparisons
labels               the demonstrations as they stand, with where each comes from
agreement            when a proposal says what the label says
proposing sampled    answers of models that did not learn the labels; pairs of samples of a policy
incumbent deciding   how often proposals are better; which take a label's place
editing              one round of edits, without truth
judging              what only reports see
stage                rounds
"""
