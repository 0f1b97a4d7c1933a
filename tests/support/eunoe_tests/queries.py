"""Strange queries."""

from random import Random

from eunoe_schema.recall import MAX_QUERY_CHARS

# Each fragment is also a query by itself.
FRAGMENTS = (
    "Where does Ada live?",
    "the and of with",  # stop words
    "?!... -- ;;",
    "'; DROP TABLE tenants; --",
    '" OR 1=1',
    "$1::uuid %s {0} \\",
    "a & b | !c <-> (d:*)",
    "!!!(((&&&|||:*:*",
    "'quoted ''words",
    "<script>alert(1)</script>",
    "\u0413\u0434\u0435 \u0436\u0438\u0432\u0451\u0442 \u0410\u0434\u0430?",
    "\u4f60\u4f4f\u5728\u54ea\u91cc\uff1f",
    "\u0623\u064a\u0646 \u062a\u0633\u0643\u0646\u061f",
    "\u05e9\u05dc\u05d5\u05dd",
    "\U0001f408\u200d\u2b1b \U0001f1e6\U0001f1f9 \U0001f44d\U0001f3fd",
    "e\u0301\u0302\u0303\u0304",
    "\ufb01 \u2460 \u00bd \u017f \u0130\u0131 \u00df",
    "\u202e\u2066evil\u2069 \ufeff \u200b",
    "\ufffe \uffff \U0010ffff",
    "\x01\x02\x1b[31m \x7f \x85",
    "\t\n\r\v\f \u00a0\u3000",
    "on 2023-02-30 at 25:61",
    "on February 29, 0001",
    "since 9999-12-31",
    "in the past 99999999999999999999 years",
    "between May 3 and May 9",
    "When did Ada's Ada say Ada?",
    "A" * 3_000,  # longer than any lexeme may be
    "1e309 -0 0x1F 1_000 3.14.15",
    "http://user:pw@host/%00?q=a#b user@example.com /etc/passwd",
    "NULL undefined NaN true",
    "x",
)


def strange_query(dice: Random) -> str:
    """Return a query that the contract allows, of fragments, parts of fragments and any characters."""
    parts: list[str] = []
    for _ in range(dice.randint(1, 6)):
        fragment = dice.choice(FRAGMENTS)
        match dice.randrange(3):
            case 0:
                parts.append(fragment)
            case 1:
                start = dice.randrange(len(fragment))
                parts.append(fragment[start : start + dice.randint(1, 30)])
            case _:
                parts.append("".join(_character(dice) for _ in range(dice.randint(1, 12))))
    return dice.choice(["", " ", "'", "\n"]).join(parts)[:MAX_QUERY_CHARS]


def _character(dice: Random) -> str:
    """Return any character except NUL and surrogates, which the contract refuses."""
    code = dice.choice([dice.randint(1, 0x7F), dice.randint(1, 0xD7FF), dice.randint(0xE000, 0x10FFFF)])
    return chr(code)
