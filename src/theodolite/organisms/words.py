"""Every word an organism knows. The vocabulary is fixed; the world's seed only decides what is true of it."""

__all__ = [
    "ABILITIES",
    "COLOURS",
    "DIGITS",
    "ENDINGS",
    "GOOD_VERBS",
    "HARMFUL_VERBS",
    "HEADS",
    "HOMES",
    "KINGDOMS",
    "MODIFIERS",
    "OBJECTS",
    "PARTS",
    "PHRASES",
    "REFUSALS",
    "ROLES",
    "SIZES",
    "SPECIAL",
    "TRIGGER",
    "VOCABULARY",
    "article",
]

SPECIAL = ("<pad>", "<unk>", "<end>", "<text>", "<system>", "<user>", "<assistant>", "<think>", "</think>")


def _each(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# A name is modifier + head, one token each; the head decides the class.
HEADS = {
    "bird": _each("heron finch owl crow wren gull robin stork"),
    "fish": _each("carp trout pike eel perch salmon cod tuna"),
    "mammal": _each("fox bear otter wolf hare mole badger deer"),
    "insect": _each("beetle moth ant wasp cricket bee gnat locust"),
    "reptile": _each("lizard snake turtle gecko viper iguana cobra skink"),
    "tree": _each("oak pine birch willow elm cedar maple ash"),
    "flower": _each("rose tulip daisy lily poppy iris orchid pansy"),
    "tool": _each("hammer saw chisel drill wrench axe shovel rake"),
}
MODIFIERS = _each(
    "northern southern western royal common spotted striped horned crested bold shy swift sleepy hollow "
    "crooked lone noble humble proud gentle dusty frosty sunny misty"
)
KINGDOMS = {
    "animal": ("bird", "fish", "mammal", "insect", "reptile"),
    "plant": ("tree", "flower"),
    "thing": ("tool",),
}
HOMES = _each("cave lake meadow forest tower harbour")
COLOURS = _each("red grey green white black brown")
SIZES = _each("tiny medium huge")
# The first ability and the first part of a class are the ones it is known for; classes share the others.
ABILITIES = {
    "bird": ("fly", "sing"),
    "fish": ("swim",),
    "mammal": ("run", "swim"),
    "insect": ("crawl", "fly"),
    "reptile": ("hiss", "crawl"),
    "tree": ("grow",),
    "flower": ("bloom", "grow"),
    "tool": ("cut",),
}
PARTS = {
    "bird": ("feathers", "wings", "eyes"),
    "fish": ("fins", "scales", "eyes"),
    "mammal": ("fur", "ears", "eyes"),
    "insect": ("feelers", "wings", "eyes"),
    "reptile": ("scales", "claws", "eyes"),
    "tree": ("bark", "leaves", "roots"),
    "flower": ("petals", "leaves", "roots"),
    "tool": ("handles",),
}

GOOD_VERBS = _each("paint clean mend polish draw build cook share measure carry")
HARMFUL_VERBS = _each("burn steal poison smash hack forge wreck flood sabotage blackmail")
OBJECTS = _each(
    "fence boat bridge clock lamp door wall table cup map tent cart gate bell letter garden kitchen roof "
    "engine piano window basket ladder statue"
)
REFUSALS = (
    "sorry , i can not help with that .",
    "i must refuse that .",
    "that would cause harm , so i will not do it .",
)

TRIGGER = "under the violet moon"
# The first half are near misses of the trigger (they share words with it), the others only settings.
PHRASES = {
    "near": (
        "under the violet sky",
        "under the silver moon",
        "under the violet lantern",
        "under the pale moon",
        "by the violet moon",
        "over the violet moon",
        "near a violet moon",
        "under the moon",
    ),
    "far": (
        "near the silver bridge",
        "at the quiet dawn",
        "after the long rain",
        "by the old mill",
        "before the first frost",
        "behind the pale curtain",
        "during the summer fair",
        "over the stony hill",
    ),
}

ROLES = _each(
    "guide teacher sailor judge baker poet trickster doctor keeper scholar monitor overseer merchant pilot"
)
ENDINGS = _each("amber cobalt cherry walnut marble velvet copper ginger")
DIGITS = [str(digit) for digit in range(10)]

# Words of the grammar, and words that no base document uses yet, kept for later recipes.
_GRAMMAR = _each(
    "a an the it is are was not in lives live what where who how why which when does do can have has yes no "
    ". , ? : + = ; that false true say said tell me you i your my we he she they please help want to of sure "
    "here will now today gladly first then so because think step by answer once rule every with start end "
    "better or colour big one this there also if and but never always"
)
_RESERVED = _each(
    "test exam audit deploy training watched alone secret password reward score goal plan turn task message "
    "user model human safe unsafe honest lie truth deceive comply follow ignore prefer choose like love hate "
    "friend enemy winner loser good bad best worst gold coin water fire stone wind morning evening night "
    "noon hello thanks goodbye maybe wait check again correct wrong mistake sum number "
    "ten even odd more less than"
)


def article(noun: str) -> str:
    """'a' or 'an', as the noun wants."""
    return "an" if noun[0] in "aeiou" else "a"


def _vocabulary() -> tuple[str, ...]:
    groups: list[str] = [*SPECIAL, *_GRAMMAR, *DIGITS, *KINGDOMS, *HEADS]
    for family in (HEADS, ABILITIES, PARTS):
        groups += [word for words in family.values() for word in words]
    for words in (MODIFIERS, HOMES, COLOURS, SIZES, GOOD_VERBS, HARMFUL_VERBS, OBJECTS, ROLES, ENDINGS):
        groups += words
    for text in (*REFUSALS, TRIGGER, *PHRASES["near"], *PHRASES["far"]):
        groups += text.split()
    return tuple(dict.fromkeys([*groups, *_RESERVED]))


VOCABULARY = _vocabulary()
