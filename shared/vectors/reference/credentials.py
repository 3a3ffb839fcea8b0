"""The `Authorization` header."""

MISSING, TWO, TOO_LONG, NOT_ASCII = "missing", "two_credentials", "too_long", "not_ascii"

TOKENS = [
    ("Bearer abc", "abc"),
    ("bearer abc", "abc"),
    ("BEARER abc", "abc"),
    ("bEaReR abc", "abc"),
    ("Bearer    abc", "abc"),
    ("  Bearer abc  ", "abc"),
    ("Bearer !#$%&'()*+-./:;<=>?@[]^_`{|}~", "!#$%&'()*+-./:;<=>?@[]^_`{|}~"),
    ("Bearer Bearer", "Bearer"),
    ("Bearer " + "a" * 249, "a" * 249),
]
REFUSED = [
    (None, MISSING),
    ("", MISSING),
    (" ", MISSING),
    ("Bearer", MISSING),
    ("Bearer ", MISSING),
    ("Bearerabc", MISSING),
    ("Bearer:abc", MISSING),
    ("Bearer=abc", MISSING),
    ("abc", MISSING),
    ("Basic YTpi", MISSING),
    ("Token abc", MISSING),
    ("Digest username=\"a\", realm=\"b\"", MISSING),
    ("Bearer a b", TWO),
    ("Bearer a,b", TWO),
    ("Bearer a,", TWO),
    ("Bearer ,a", TWO),
    ("Bearer a, Bearer a", TWO),
    ("Bearer a, Bearer b", TWO),
    ("Bearer a,bearer b", TWO),
    ("Bearer a, Basic b", TWO),
    ("Basic a, Bearer b", TWO),
    ("Basic a,BEARER b", TWO),
    ("Basic a, Digest b=c, Bearer d", TWO),
    ("Basic, Bearer b", TWO),
    ("Bearer, Bearer b", TWO),
    (", Bearer b", TWO),
    ("Bearer " + "a" * 250, TOO_LONG),
    ("Basic " + "a" * 300, TOO_LONG),
    ("\u00e9" * 129, TOO_LONG),
    ("Bearer \u00e9", NOT_ASCII),
    ("Bearer\tabc", NOT_ASCII),
    ("Bearer a\tb", NOT_ASCII),
    ("Bearer a\x00", NOT_ASCII),
    ("Bearer a\x7f", NOT_ASCII),
    ("Bearer a\r\nX: y", NOT_ASCII),
    ("Bearer \u200babc", NOT_ASCII),
    ("Basic \u00e9", NOT_ASCII),
]


def section():
    cases = [{"authorization": value, "api_key": False, "token": token} for value, token in TOKENS]
    cases += [{"authorization": value, "api_key": False, "refused": refused} for value, refused in REFUSED]
    cases.append({"authorization": None, "api_key": True, "refused": MISSING})
    for value in ["Bearer abc", "Basic YTpi", "Bearer a, Bearer b", ""]:
        cases.append({"authorization": value, "api_key": True, "refused": TWO})
    return cases
