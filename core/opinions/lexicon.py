"""The words by which aspects, negations and turns of a sentence are known, in English and Portuguese.

To add an aspect or a language, add words here. A word is a regular expression for the whole of one lower-case
word; a phrase of several words is written with spaces and holds plain words only.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Aspect:
    """Something about a product or its delivery that customers judge.

    Attributes:
        name: what tables call it.
        title: how a sentence calls it ("the fit and size").
        words, phrases: what it is recognised by.
    """

    name: str
    title: str
    words: tuple[str, ...]
    phrases: tuple[str, ...] = ()


ASPECTS: tuple[Aspect, ...] = (
    Aspect(
        "fit",
        "the fit and size",
        (
            "fit(s|ted|ting)?",
            "sizing|sized",
            "tight(er|ly)?",
            "loose(r|ly)?",
            "snug(ly)?",
            "baggy|boxy|roomy|oversized?|ill-fitting",
            "tamanhos?|serviu|servir|apertad[oa]s?|larg[oa]s?",
        ),
        (
            "true to size",
            "size up",
            "size down",
            "sizes up",
            "sizes down",
            "size too",
            "sizes too",
            "right size",
            "wrong size",
            "size is",
            "size was",
            "size smaller",
            "size larger",
            "size bigger",
            "runs large",
            "runs small",
            "runs big",
            "run large",
            "run small",
            "run big",
            "ran large",
            "ran small",
            "ran big",
            "running large",
            "running small",
            "too big",
            "too small",
            "too large",
            "way big",
        ),
    ),
    Aspect(
        "quality",
        "the material and quality",
        (
            "fabrics?|materials?|quality|textiles?",
            "well-made|cheaply|flims(y|ier)|shoddy|craftsmanship|workmanship|stitch(es|ed|ing)?",
            "sheer|see-through|scratchy|itch(y|ier)|thin(ner)?|thick(er|ness)?",
            "qualidade|material|acabamento|tecido",
        ),
        ("well made", "poorly made", "see through", "feels cheap", "looks cheap", "look cheap"),
    ),
    Aspect(
        "colour",
        "the colour and pattern",
        (
            "colou?r(s|ed|ful|ing)?",
            "prints?|patterns?|hues?|shades?",
            "cor|cores|estampas?",
        ),
    ),
    Aspect(
        "comfort", "the comfort", ("comfort|(un)?comfortabl[ey]|comfy|cozy|cosy", "confort(o|[áa]ve(l|is))")
    ),
    Aspect(
        "look",
        "the look and style",
        (
            "styles?|stylish|designs?|designed",
            "flattering|unflattering|flatters?|silhouettes?",
            "cute(r|st)?|pretty|gorgeous|beautiful(ly)?|ugly|frumpy|classy|chic|elegant",
            "lind[oa]s?|bonit[oa]s?|fei[oa]s?|modelo",
        ),
        ("the cut", "look good", "looks good", "looks great", "look great", "looked great"),
    ),
    Aspect(
        "length",
        "the length",
        (
            "lengths?|longer|shorter|hem(s|line|med)?|cropped",
            "comprimento|curt[oa]s?|compridos?",
        ),
        (
            "too long",
            "too short",
            "so short",
            "so long",
            "very short",
            "very long",
            "bit long",
            "bit short",
            "little long",
            "little short",
            "super short",
            "super long",
            "long enough",
            "is long",
            "is short",
            "was long",
            "was short",
            "are long",
            "are short",
            "hits at",
            "hits right",
            "hits just",
            "hit at",
            "hit right",
            "hit me",
            "hits me",
        ),
    ),
    Aspect(
        "price",
        "the price and value",
        (
            "pric(e|es|ed|ey|ing)|pricy|value|worth|overpriced|expensive|inexpensive|affordable|money|bargain",
            "pre[çc]os?|car[oa]s?|barat[oa]s?|custo|dinheiro",
        ),
        ("on sale", "full price", "good deal", "great deal"),
    ),
    Aspect(
        "delivery",
        "the delivery and service",
        (
            "shipp(ed|ing)|shipments?|deliver(y|ed|ies)|arrive[ds]|packag(e|ed|ing)|refund(ed|s)?",
            "entregas?|entregue|entregou|entregaram|prazos?|chegou|frete|correios|atras(o|ada|ado|ou)|vendedora?|loja",
        ),
        ("customer service", "sales associate", "sales person"),
    ),
    Aspect(
        "durability",
        "how well it lasts",
        (
            "durab(le|ility)|sturdy|pill(s|ed|ing)|shr(ink|inks|ank|unk|inkage)|unravel(s|ed|ing|led|ling)?|"
            "snag(s|ged|ging)?|rip(s|ped|ping)?|torn|fad(e|es|ed|ing)|wash(es|ed|ing|able)?",
            "dur(a|ou|[áa]vel)|quebr(ou|ad[oa]s?)|rasg(ou|ad[oa]s?)|defeitos?",
        ),
        (
            "fell apart",
            "falling apart",
            "falls apart",
            "held up",
            "holds up",
            "a hole",
            "small hole",
            "tiny hole",
            "small holes",
            "tiny holes",
        ),
    ),
)

TITLES = {aspect.name: aspect.title for aspect in ASPECTS}

NEGATION = (
    r"not?|nor|never|none|nothing|without|hardly|barely|cannot|\w+n't|(do|did|does|was|is|are|wo|ca|could|would)nt|"
    r"não|nao|nem|nunca|sem|nada"
)
TURN = (
    r"but|however|although|though|yet|except|whereas|unfortunately|"
    r"mas|porém|porem|contudo|apesar|embora"
)
