"""Lists of English words that decide whether a word of a query is a name, and whether enough is left to search for."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What these name is a role, not a person; every conversation has them.
ROLES = _words("user assistant bot system ai agent human")

# Part of a display name, but never what somebody is called by alone.
TITLES = _words("dr doctor prof professor mr mrs ms miss mx sir madam dame lord lady herr frau jr sr phd md")

# What carries no meaning of its own: a query of nothing else finds anything. The letters are what is left of "don't"
# and "we're".
STOP_WORDS = _words("""
    a about above after again against all am an and any are as at be because been before being below between both
    but by can could d did do does doing don down during each ever few for from further get give had has have having
    he her here hers herself him himself his how i if in into is it its itself just ll m me more most my myself no
    nor not now of off on once only or other our ours ourselves out over own please re s said same say says she
    should so some such t tell than that the their theirs them themselves then there these they this those through
    to told too under until up us ve very was we were what when where whether which while who whom whose why will
    with would you your yours yourself
""")

# Names that are also everyday words: "will she" is no Will, "on the mark" no Mark. The list cannot be complete, but a
# word that is missing here costs little: it is left out of the embedded text, and its speaker's turns are favoured.
ORDINARY_NAMES = _words("""
    ace amber angel april art ash august autumn basil bay bear bill bishop blue brandy brook buck bud buddy candy
    chance chase chip chuck clay cliff cookie coral crystal daisy dale dash dawn dean dick don dot drew duke earl
    eve ever faith fern forest fox frank gale gene ginger gold grace grant gray green guy harmony heath heaven hope
    hunter iris ivy jack jade jay jet jewel joy june king kit lance lane lark laurel liberty long love mac major
    mark marsh mason max may melody mercy merry miles mint misty nick noble norm olive opal page pansy park pat
    patience pearl peg penny pepper pierce piper poppy precious price prince prudence queen rain randy ray red reed
    rich river rob robin rock rod rose rosemary ruby rush rusty sage sandy sky snow star stark sterling stone storm
    story sue summer sunny temple timber trace trinity trip van victory violet wade walker ward warren west will
    willow winter wolf wood woods worth wren young
""")

# After one of the others, or beside a number, the name of a month is the month.
MONTHS = _words("january february march april may june july august september october november december")
BEFORE_MONTHS = _words("""
    in since during until till between before after last this next every each early mid late
""")
