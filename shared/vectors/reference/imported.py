"""Patterns of keys made elsewhere. Each is written a second time, by hand, as a regular expression of Python's."""

import re

from .formats import DEFAULT_BRANDS, PREFIX_PARTS, digits_of

CLASSES = {
    "digits": "0-9",
    "hex": "0-9a-f",
    "upperhex": "0-9A-F",
    "base32": "A-Z2-7",
    "base36": "0-9a-z",
    "base58": "1-9A-HJ-NP-Za-km-z",
    "base62": "0-9A-Za-z",
    "base64": "0-9A-Za-z+/",
    "base64url": r"0-9A-Za-z_\-",
}
GOOD = [
    (r"sk_live_{base62:32}", r"sk_live_[0-9A-Za-z]{32}"),
    (r"{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    (r"acme.{base64url:40-44}", r"acme\.[0-9A-Za-z_\-]{40,44}"),
    (r"{base64:43}=", r"[0-9A-Za-z+/]{43}="),
    (r"a*b?(c)[d]^$|+\{digits:20}", r"a\*b\?\(c\)\[d\]\^\$\|\+\\[0-9]{20}"),
    (r"org-7|{base36:13}{digits:2}", r"org-7\|[0-9a-z]{13}[0-9]{2}"),
    (r"{base64url:43}", r"[0-9A-Za-z_\-]{43}"),
    (r"{base62:249}", r"[0-9A-Za-z]{249}"),
    *[(f"x{{{name}:21-23}}", f"x[{members}]{{21,23}}") for name, members in CLASSES.items()],
]
BAD = {
    "empty": [""],
    "character": ["a b{hex:32}", "\u00e9{hex:32}", "{hex:32}\t", "a\x7f{hex:32}"],
    "brace": ["{hex:32", "hex:32}", "{", "}", "{{hex:32}}", "{hex:32}}"],
    "alphabet": ["{}", "{:32}", "{HEX:32}", "{ hex:32}", "{base63:32}", "{32}", "{hex :32}"],
    "length": ["{hex}", "{hex:}", "{hex:0}", "{hex:x}", "{hex:-1}", "{hex:+1}", "{hex:01}", "{hex: 32}", "{hex:32-}", "{hex:-32}",
               "{hex:32-31}", "{hex:3.2}", "{hex:16-18-20}", "{hex:256}", "{hex:99999999999999999999}", "{hex:\u0663\u0662}"],
    "after_range": ["{hex:20-32}x", "{hex:20-32}{hex:1}", "a{base62:1-2}b{base62:32}"],
    "too_long": ["{hex:250}", "{hex:200}{hex:50}", "{hex:32-250}", "x" * 249 + "{hex:16}", "{base62:249}x"],
    "too_weak": ["x", "sk_live_0123456789abcdefghijklmnopqrstuv", "{hex:15}", "{digits:19}", "{base62:10}", "{base64:10}", "{hex:15-200}"],
    "ours": ["hk_live_{base62:44}", "hk_test_{base62:1}{digits:43}", "hk_dev_{base62:32}", "hpk_{hex:32}", "hpk_x{hex:32}",
             "{base64url:52}", "{base64url:51}", "{base64url:48}", "{base64url:20-48}", "{base64url:49-51}", "h{base64url:51}"],
}
# Near ours, and none of them.
APART = ["{base64url:47}", "{base64url:49-50}", "{base64url:53}", "{base62:52}", "{base64:52}", "hk_{base62:44}", "hk_prod_{base62:44}",
         "HK_live_{base62:44}", "hk_live{base62:45}", "hpk{base62:45}", "{base64url:51}.", "{base64url:10}-{base64url:41}", "{hex:52}"]


def as_expression(pattern):
    """For patterns without signs that regular expressions read otherwise."""
    parts = re.split(r"\{(\w+):([\d-]+)\}", pattern)
    text = ""
    for plain, name, length in zip(parts[::3], parts[1::3] + [None], parts[2::3] + [None]):
        text += re.escape(plain)
        if name:
            text += f"[{CLASSES[name]}]{{{length.replace('-', ',')}}}"
    return text


def texts(expression):
    """Some texts near the pattern, whether they match or not."""
    for length in [20, 21, 22, 23, 24, 32, 40, 43, 44, 45, 52, 249, 250]:
        own = digits_of(f"imported {length}", 80) * 4
        for start in ["", "x", "sk_live_", "acme.", "acme-", "a*b?(c)[d]^$|+\\", "org-7|"]:
            for body in [own[:length], own[:length].lower(), own[:length].upper(), "7" * length, "a" * length, "F" * length, "z" * length,
                         "0" * length, "-" * length, "_+" * (length // 2), own[: length - 1] + "="]:
                yield start + body
    yield "01234567-89ab-cdef-0123-456789abcdef"
    yield "01234567-89ab-cdef-0123-456789abcdeF"
    yield "01234567-89ab-cdef-0123-456789abcde"
    yield "a*b?(c)[d]^$|+\\01234567890123456789"
    yield "org-7|abcdefghijklm42"
    yield "org-7|abcdefghijklmn2"


def cases():
    for pattern, expression in [*GOOD, *((pattern, as_expression(pattern)) for pattern in APART)]:
        matching = [text for text in texts(expression) if re.fullmatch(expression, text)]
        other = [text for text in texts(expression) if not re.fullmatch(expression, text)]
        # Enough of each, from all over.
        yield {"pattern": pattern, "matches": matching[:: len(matching) // 4 + 1], "others": other[:: len(other) // 6 + 1]}


def section():
    ours = [f"{DEFAULT_BRANDS[0]}_{part}_" for part in PREFIX_PARTS.values()] + [f"{DEFAULT_BRANDS[1]}_"]
    for pattern in APART:
        for prefix in ours:
            for filling in "0aAfF7":
                assert not re.fullmatch(as_expression(pattern), prefix + filling * 44), pattern
    return {
        "good": list(cases()),
        "bad": [{"pattern": text, "error": error} for error, patterns in BAD.items() for text in patterns],
    }
