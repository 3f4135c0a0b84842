"""The stage `best_of`: K samples of a policy to each prompt, the best one chosen, and files that other stages learn from.

settings sampled           what it is told; samples drawn, and laid out in columns
judging judges cautious    scores and win rates of samples; who judges; a score less what it is unsure of
choosing compared          best and worst of a prompt; pairs of samples with p
curve written stage        the best of n against a held-out reward; the files; the stage
"""
