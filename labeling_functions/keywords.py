"""Mild word lists. For an offensive list of your own: `keyword_scorer("slurs", load_keywords("slurs.txt"))`."""

from weaklabel.lf import keyword_scorer

rude_words = keyword_scorer(
    "rude_words",
    """stupid | idiot | idiots | idiotic | dumb | moron | morons | shut up | loser | losers | jerk | fool | fools
    | ridiculous | pathetic | worthless | useless | lazy | ugly | crap | damn | hell | sucks | screw you | nonsense
    | get lost | who cares | hate you | weirdo | creep | trash | disgusting""".replace("\n", " ").split("|"),
)

harmful_topics = keyword_scorer(
    "harmful_topics",
    """kill | killing | murder | poison | bomb | explosives | weapon | weapons | knife | stab | shoot | steal | stealing
    | rob | hack | hacking | fraud | scam | blackmail | threaten | kidnap | torture | overdose | cocaine | heroin
    | meth | bully | stalk | fake id | counterfeit | arson | burglary | break into | pick the lock | spike | drunk
    """.replace("\n", " ").split("|"),
)

careless_words = keyword_scorer(
    "careless_words",
    """whatever | stuff | dunno | gonna | wanna | kinda | sorta | lol | haha | hmm | umm | uh | yeah | yep | nope | nah
    | meh | duh | anyways | ain't | gotta | lots of things | and so on | and stuff | something like that | i guess
    | you know | literally | basically""".replace("\n", " ").split("|"),
)
