"""Given names: which of them stand for one another.

English ones come from the data set of the package `nicknames`, read once, when they are first asked for (5 ms,
0.5 MB). Only its own pairs count, in both directions, and no chains of them: Bob is Robert, and Rob is, but what
Chris is short for says nothing about Christine and Christian. It holds pairs that are two names people are given
(Andrea and Andrew), which are taken out: taking one person for another is the worst mistake here.
"""

from __future__ import annotations

from functools import cache

from nicknames import name_triplets

# Pairs of the data set that are two names people are given, not one name and its short form: Andrea is no Andrew.
_NO_NICKNAMES = """
aaron/erin alexander/alexandria amelia/emily amelia/emilia andrea/andrew ann/antoinette ann/antonia
ann/christiana ann/roseann ann/roseanna ann/roxanna ann/roxanne anna/annette anna/bryanna anna/hannah
anna/savannah annie/stephanie bill/robert billy/robert bobby/roger bobby/rodger carol/caroline carol/carolann
derick/frederick derrick/eric derek/eric demaris/mary demerias/mary earnest/ernestine elaine/eleanor elaine/helen
elaine/helena aileen/helena eleanor/helena eleanor/ellen eleanor/lenora ellen/helen ellen/helena ellen/helene
ella/helen ella/helene ella/ellen emeline/emily emeline/emma emil/emily emily/emma esther/hester frances/francis
frederica/frederick eloise/louise heloise/eloise heloise/lois lois/louise lois/louisa lois/lou hannah/joanna
hannah/johannah hannah/susan hannah/susannah jane/virginia jane/jean jane/jeanne jane/jessie janet/jessie
janet/jeanette jean/jeanette jeanette/jessie joan/joanna joan/johannah john/ian johannes/jonathan julia/julie
kendrick/kenneth kendall/kenny laurinda/lawrence louis/louise mariah/marietta mariah/mary marie/marietta
marie/mary marie/rosemary marietta/mary marsha/mary mary/rosemary mary/mitzi miriam/mitzi maria/mary
maria/marie michael/miguel patrick/peter prescott/scott ron/veronica cameron/ron bert/bob bert/bobby
bert/roberta will/wilson willie/wilson william/wilma willie/wilhelmina vic/vicki clara/clarissa
christian/christina christine/christina eric/erica daniel/danielle michael/michaela paul/paula stephen/stephanie
john/ivan robert/rupert michael/micah william/bela bill/bell william/bell charles/carl joe/joshua
joseph/joshua paul/polly george/georgine gary/gareth gary/garrett justin/justina justin/justus jack/jacqueline
jerry/garrett albert/elbert
albert/delbert billy/fred noah/manoah mary/mae mary/marilyn mary/marion mary/maureen linda/celinda linda/melinda
linda/belinda linda/philinda linda/rosalinda linda/rosalyn elizabeth/lisa lisa/alice lisa/alicia lisa/melissa betty/beth
margaret/daisy margaret/gretchen margaret/rita sandra/alexandra sandra/alexandria sandra/cassandra ashley/leah
ashley/lee carol/kara carol/kari carol/carrie carol/cassie carol/lynn laura/laurinda helen/eileen helen/elena helen/lena
angela/angel ann/anna anna/anne ann/nancy amy/amelia megan/margarita alice/elsie jean/genevieve julia/jill
rose/rosalinda rose/rosalyn rose/rosemary rose/roxanna rose/roxanne theresa/tracy theresa/traci theresa/tracie
kayla/makayla doris/dora shirley/sherry carolyn/cassie carolyn/lynn catherine/casey katherine/lena kathleen/lena
kathleen/trina brenda/brandy martha/patsy
"""
# Nicknames and spellings that the data set, which is English, does not have.
_MORE_NICKNAMES = """
kate/katie rob/robbie liz/lizzie dan/danny mike/mikey jen/jenny ben/benny tim/timmy jim/jimmy joe/joey sam/sammy
steven/stephen steve/stephen steve/steven catherine/katherine kathryn/katherine kathryn/catherine sara/sarah
jon/john geoff/jeff jeffrey/geoffrey
jose/pepe francisco/paco francisco/pancho francisco/frank guillermo/memo guillermo/willy jesus/chuy
guadalupe/lupe guadalupe/lupita roberto/beto alberto/beto humberto/beto ignacio/nacho enrique/quique enrique/kike
antonio/tono antonio/toni antonio/tony concepcion/concha concepcion/conchita dolores/lola consuelo/chelo
rosario/charo ramon/moncho eduardo/lalo eduardo/edu gerardo/jerry luis/lucho jorge/coque alejandro/alex
alejandra/ale alejandra/alex alejandro/ale fernando/nando fernando/fer fernanda/fer manuel/manolo manuel/manny
rafael/rafa santiago/santi gabriel/gabi gabriela/gabi gabriela/gaby mercedes/meche isabel/isa isabel/chabela
maribel/mari beatriz/bea graciela/chela teresa/tere jaime/jimmy daniel/dani daniela/dani sofia/sofi
jose/ze francisco/chico joao/jo joaquim/quim
katarzyna/kasia malgorzata/gosia anna/ania tomasz/tomek agnieszka/aga joanna/asia krzysztof/krzysiek
aleksandra/ola malgorzata/malgosia piotr/piotrek
aleksandr/sasha alexander/sasha alexandra/sasha aleksandra/sasha mikhail/misha ekaterina/katya dmitry/dima
dmitriy/dima dmitry/dmitriy dmitri/dmitry dmitrii/dmitry ivan/vanya maria/masha nikolai/kolya nikolay/kolya
nikolai/nikolay natalia/natasha natalya/natasha natalia/natalya svetlana/sveta tatiana/tanya tatyana/tanya
tatiana/tatyana sergei/sergey yulia/yuliya elena/lena vladimir/volodya vladimir/vova olga/olya anastasia/nastya
yuri/yuriy yury/yuriy evgeny/zhenya
michael/mick padraig/paddy patrick/paddy liam/william seamus/shay siobhan/shiv caoimhe/keeva
giuseppe/beppe giuseppe/pino luigi/gigi francesco/franco francesca/franca
mohammed/mohamed mohammed/muhammad mohammed/mohammad mohamed/muhammad mohamed/mohammad muhammad/mohammad
ahmed/ahmad hussein/husain hussein/hussain hassan/hasan fatima/fatimah aisha/aysha aisha/ayesha omar/umar
youssef/yusuf yousef/youssef yousef/yusuf khaled/khalid abdullah/abdallah ibrahim/ebrahim layla/leila leila/laila
layla/laila mariam/maryam jean/jeannot
"""


@cache
def _nicknames() -> dict[str, frozenset[str]]:
    """Every given name with its nicknames, and every nickname with the names it stands for; read once (5 ms)."""
    pairs = {
        (triplet.name1, triplet.name2)
        for triplet in name_triplets()
        if triplet.relationship == "has_nickname"
    }
    pairs -= {pair for text in _NO_NICKNAMES.split() for pair in _both_ways(text)}
    pairs |= {pair for text in _MORE_NICKNAMES.split() for pair in _both_ways(text)}
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        if one.isalpha() and other.isalpha():
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
    return {name: frozenset(others) for name, others in found.items()}


def _both_ways(text: str) -> tuple[tuple[str, str], tuple[str, str]]:
    one, _, other = text.partition("/")
    return (one, other), (other, one)


def nicknames(given: str) -> frozenset[str]:
    """The names that may stand for a folded given name, itself not among them."""
    return _nicknames().get(given, frozenset())


def same_given(one: str, other: str) -> bool:
    """Whether two folded given names are equal or one is short for the other."""
    return one == other or other in nicknames(one)


@cache
def given_names() -> frozenset[str]:
    """Names that are given to people as first names; some are surnames as well (Kelly, Scott, James)."""
    return frozenset(_nicknames()) - {"smith"}
