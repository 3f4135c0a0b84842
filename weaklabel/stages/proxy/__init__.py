"""The stage `proxy`: few answers of an expert teach an evaluation model, which stands in for the expert over many pairs.

settings                   what it is told
given apart                what it draws on; what judges or is locked, and teaches nothing
candidates answers         what the expert can be asked about; what was asked and answered
evaluation asking          the evaluation model; which questions are asked, one batch after the other
labelling                  the samples' best and worst by the evaluation model, as pairs with beliefs
curve reports              figures against the number of answers; scores, and how far seed data are from the policy's answers
stage                      a round, from samples to the next policy
"""
