"""The stage `best_of`: K samples of a policy to each prompt, the best one chosen, and files that other stages learn from.

settings sampled     what it is told; samples drawn, and laid out in columns
judging cautious     scores and win rates of samples; a score less what it is unsure of
choosing curve       best and worst of a prompt; the best of n against a held-out reward
written stage        the files; the stage
"""
