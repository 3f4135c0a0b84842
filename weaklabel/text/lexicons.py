"""Short word lists that features and shipped labeling functions share. All mild, all our own.

English unless stated. A phrase is matched on whole words, whatever its case and punctuation, so
"I'm sorry, but" and "i'm sorry but" are one.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split("|"))


FUNCTION_WORDS: Final[dict[str, frozenset[str]]] = {
    language: _words(words)
    for language, words in {
        "en": "the of and to in is that it for was with as be this are you not have from they or what which "
        "your can will their has there would how when if we an my but by on at do",
        "de": "der die das und ist nicht ein eine zu den mit von für auf dem sich des im auch es sie ich wie "
        "werden wird oder einen einer sind bei durch kann nach aus zum zur",
        "fr": "le la les des est et une dans que qui pour pas sur au avec ce il elle plus par je vous nous sont "
        "du cette ou être comme mais leur ses aux c'est d'un l'on",
        "es": "el los las que y del una por con para es se no al como más pero sus su este esta son también "
        "lo ha fue cuando muy sin sobre entre cómo qué",
        "it": "il che di è per non un una sono della con gli del nel alla anche più dei come questo questa "
        "delle ma ha si lo i al da dal nella essere",
        "pt": "o os que do da em um uma para é com não no na se por mais dos como mas foi ao das tem são "
        "seu sua ou você também pelo isso está",
        "nl": "de het een en van ik te dat die niet zijn op aan met voor er maar om hij ook je dan bij uit "
        "naar wordt kan deze hebben heeft wat",
        "sv": "och att det som en på är av för med den till inte har de om ett var jag men från vi kan eller "
        "när så hur också du",
        "pl": "i w na z się nie do to jest że o jak za od po ale przez co czy dla tym który są być może lub "
        "oraz aby ich",
        "tr": "ve bir bu da de için ile çok daha olarak ne gibi var en değil olan kadar ya mi ben o ama sonra "
        "her nasıl veya",
        "id": "yang dan di dari untuk dengan ini itu tidak pada ke adalah dalam akan atau juga saya kami anda "
        "bisa oleh karena sebagai apa",
        "ru": "и в не на что с по как это он она но из за то все к у же вы так от для мы или при бы если его",
        "vi": "và của là có không được cho các một những trong người này với đã khi từ để như tôi bạn",
    }.items()
}
"""Frequent function words of thirteen languages, for telling which of them a text is written in."""

STOP_WORDS: Final = FUNCTION_WORDS["en"] | _words(
    """a i s t me us he she him her his its our them these those some any each all more most other such only own
    same so than too very just about above after again against am because been before being below between both
    did does doing don't down during few further had having here i'm it's let no nor off once out over should
    then through under until up were where while who whom why could may might must shall also into it's i've
    you're please give write tell make explain describe following using use one two three like get want need
    can't what's how's there's that's i'd i'll"""
)
"""English words that carry no topic."""

REFUSALS: Final = _phrases(
    """i can't | i cannot | i can not | i won't | i will not | i'm not able to | i am not able to | i'm
    unable to | i am unable to | i'm not going to | i do not have access | i don't have access | i'm
    sorry but i | i am sorry but i | i must decline | i have to decline | i refuse to | not comfortable
    | i'm not allowed | i am not allowed | against my programming | cannot assist | can't assist |
    cannot provide | can't provide | unable to provide | unable to assist | not appropriate for me |
    cannot fulfill | can't fulfill | cannot answer | can't answer | can't help | cannot help | i don't
    feel comfortable | i'd rather not | i would rather not | not something i can"""
)
AI_DISCLAIMERS: Final = _phrases(
    """as an ai | as a language model | as an artificial intelligence | i'm an ai | i am an ai | i'm just
    an ai | i am just an ai | i'm a language model | i am a language model | i don't have personal | i
    do not have personal | my training data | my knowledge cutoff | i'm a computer | i am a computer |
    i'm just a computer"""
)
HEDGES: Final = _phrases(
    """maybe | perhaps | possibly | probably | might | could be | may be | i think | i guess | i believe |
    i suppose | it seems | seems to | it depends | in my opinion | not sure | i'm not certain | unclear
    | somewhat | sort of | kind of | more or less | as far as i know | to my knowledge | it is possible
    | it's possible | likely | i'm guessing | presumably | apparently"""
)
NOT_KNOWING: Final = _phrases(
    """i don't know | i do not know | i'm not sure | i am not sure | i have no idea | i'm not familiar | i
    am not familiar | i don't understand | i do not understand | i'm not sure what | not clear to me |
    i'm confused | i can't tell"""
)
POLITE: Final = _phrases(
    """please | thank you | thanks | you're welcome | you are welcome | glad to | happy to | my pleasure |
    i appreciate | of course | certainly | feel free | let me know | i hope this helps | i hope that
    helps | good luck | kindly | with pleasure"""
)
EMPATHY: Final = _phrases(
    """i'm sorry to hear | i am sorry to hear | that sounds | i understand how | i understand that | i can
    understand | i can imagine | it's understandable | it is understandable | must be hard | must be
    difficult | must feel | you're not alone | you are not alone | take care | it's okay to | it is okay
    to | i hear you | be kind to yourself | how are you feeling"""
)
APOLOGIES: Final = _phrases(
    """sorry | i apologize | i apologise | my apologies | apologies | forgive me | my mistake"""
)
CONNECTIVES: Final = _phrases(
    """because | therefore | however | first | firstly | second | secondly | third | finally | next | then
    | moreover | furthermore | in addition | additionally | as a result | for this reason | consequently
    | thus | on the other hand | in contrast | although | while | whereas | overall | in conclusion | in
    summary | to summarize | since | instead | in particular | specifically | similarly | also"""
)
EXAMPLES: Final = _phrases(
    """for example | for instance | such as | e g | as an example | to illustrate | including | namely |
    consider the"""
)
ADVICE: Final = _phrases(
    """you can | you could | you should | you may want | try to | make sure | be sure to | it is important
    | it's important | consider | remember to | avoid | recommend | i suggest | a good idea"""
)
FILLER_OPENINGS: Final = _phrases(
    """sure | certainly | of course | absolutely | as an ai | as a language model | great question
    | good question | thank you for | i'd be happy | i would be happy | i'm happy to | okay | ok | well"""
)
