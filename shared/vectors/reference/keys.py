"""Keys, good and bad; checksums, brands, rings and names."""

import base64

from .formats import (
    DEFAULT_BRANDS,
    base64url,
    checksum,
    digits_of,
    key,
    key_hash,
    prefix,
    preview,
    ring,
    secret,
    tag,
    with_checksum,
)

FAMILIES = ["production", "test", "development", "gateway"]
BRANDS = [["a", "b"], ["acme", "gate"], ["h2", "p0k"], ["hk", "live"], ["hkx", "hk"]]

PRODUCTION, OLDER, STRANGER = secret("production"), secret("older"), secret("stranger")
RING = ring((1, PRODUCTION))
ROTATED = ring((7, PRODUCTION), (3, OLDER))
FULL = ring((2, secret("a", 16)), (4294967295, secret("b", 64)), (9, OLDER), (1, PRODUCTION))
GOOD = key("production", PRODUCTION, "bad keys start here")


def parsed(name, text, family, ring_text, secret_id, brands=DEFAULT_BRANDS):
    return {
        "name": name,
        "text": text,
        "brands": brands,
        "family": family,
        "ring": ring_text,
        "secret_id": secret_id,
        "hash": key_hash(text),
        "kv_name": "k1:" + key_hash(text),
        "preview": preview(text),
    }


def good():
    for family in FAMILIES:
        for number in range(3):
            text = key(family, PRODUCTION, f"{family} {number}")
            yield parsed(f"{family} {number}", text, family, RING, 1)
        for brands in BRANDS:
            text = key(family, PRODUCTION, f"{family} {brands}", brands)
            yield parsed(f"{family}, brands {brands}", text, family, RING, 1, brands)
    yield parsed("tag by the newer secret", key("test", PRODUCTION, "newer"), "test", ROTATED, 7)
    yield parsed("tag by the older secret", key("test", OLDER, "older"), "test", ROTATED, 3)
    for number, material in [(2, secret("a", 16)), (4294967295, secret("b", 64)), (9, OLDER), (1, PRODUCTION)]:
        yield parsed(f"ring of four, {number}", key("gateway", material, str(number)), "gateway", FULL, number)


def forged():
    """Shape and checksum are right, so they parse, but the tag is by nobody in the ring."""
    yield parsed("tag by a stranger", key("production", STRANGER, "stranger"), "production", RING, None)
    yield parsed("tag by a retired secret", key("production", OLDER, "retired"), "production", RING, None)
    head = prefix("production") + digits_of("no tag")
    yield parsed("tag of zeros", with_checksum(head + "000000"), "production", RING, None)
    yield parsed("tag is the checksum", with_checksum(head + checksum(head)), "production", RING, None)
    other = prefix("test") + digits_of("no tag")
    yield parsed("tag of another prefix", with_checksum(other + tag(head, PRODUCTION)), "test", RING, None)
    body = GOOD[8:46]
    yield parsed("moved to another environment", with_checksum("hk_test_" + body), "test", RING, None)
    changed = GOOD[:8] + ("A" if GOOD[8] != "A" else "B") + GOOD[9:46]
    yield parsed("digit changed, checksum made anew", with_checksum(changed), "production", RING, None)


def bad():
    body, unsummed = GOOD[8:], GOOD[8:46]
    other = "0" if GOOD[-1] != "0" else "1"

    def case(name, text, error, brands=DEFAULT_BRANDS):
        return {"name": name, "text": text, "brands": brands, "error": error}

    yield case("empty", "", "prefix")
    for text in ["_", "__", "hk", "hk_", "hk_live", body, "hk_live" + body, "hk-live-" + body, "_" + GOOD, "x" + GOOD]:
        yield case("no known prefix", text, "prefix")
    for start in ["HK_LIVE_", "Hk_live_", "hk_Live_", "hk_LIVE_", "HPK_", "hk_prod_", "hk_production_", "hk_", "hk__",
                  "hpk_live_", "hpk__", "sk_live_", "hk_liv_", "hkk_live_", "hk_live__", "h\u212a_live_"]:
        text = with_checksum(start + unsummed)
        yield case(f"prefix {start}", text, "shape" if len(text.encode()) > 55 else "prefix")
    yield case("own key under other brands", GOOD, "prefix", ["acme", "gate"])
    yield case("too long is told before the prefix", "x" * 56, "shape")
    yield case("56 bytes", GOOD + "0000", "shape")
    yield case("very long", "hk_live_" + "0" * 300, "shape")
    yield case("prefix alone", "hk_live_", "shape")
    for count in [1, 12, 31, 37]:
        yield case(f"{count} digits before the checksum", with_checksum("hk_live_" + unsummed[:count]), "shape")
    yield case("39 digits before the checksum", with_checksum("hk_live_" + unsummed + "0"), "shape")
    yield case("checksum cut off", GOOD[:-6], "shape")
    yield case("last digit cut off", GOOD[:-1], "shape")
    yield case("first digit cut off", "hk_live_" + body[1:], "shape")
    for sign in "-+/=.~ \t\n\0\x7f%*,":
        text = "hk_live_" + unsummed[:10] + sign + unsummed[11:]
        yield case(f"sign {sign!r} in the body", with_checksum(text), "shape")
        yield case(f"sign {sign!r} in the checksum", GOOD[:-1] + sign, "shape")
    yield case("underscore in the body", with_checksum("hk_live_" + unsummed[:10] + "_" + unsummed[11:]), "prefix")
    for sign in ["\u00e9", "\u0430", "\uff21", "\u0661", "\U0001d7d8", "\u200b", "\ufeff"]:
        width = len(sign.encode())
        text = "hk_live_" + unsummed[:10] + sign + unsummed[10 + width:]
        yield case(f"U+{ord(sign):04X} in the body, right length in bytes", with_checksum(text), "shape")
    yield case("U+FEFF in front", "\ufeff" + GOOD, "prefix")
    yield case("space in front", " " + GOOD, "prefix")
    for tail in [" ", "\n", "\r\n", "\t", "\0"]:
        yield case(f"{tail!r} at the end", GOOD + tail, "shape")
    yield case("quoted", f'"{GOOD}"', "prefix")
    yield case("last digit changed", GOOD[:-1] + other, "checksum")
    yield case("checksum of zeros", GOOD[:-6] + "000000", "checksum")
    yield case("checksum of another key", GOOD[:-6] + key("production", PRODUCTION, "another")[-6:], "checksum")
    yield case("checksum without the prefix", GOOD[:-6] + checksum(unsummed), "checksum")
    yield case("first digit changed", "hk_live_" + ("A" if body[0] != "A" else "B") + body[1:], "checksum")
    yield case("two digits swapped", "hk_live_" + body[1] + body[0] + body[2:], "checksum")
    yield case("body in lower case", GOOD.lower(), "checksum")
    yield case("body in upper case", "hk_live_" + body.upper(), "checksum")
    yield case("body reversed", "hk_live_" + body[::-1], "checksum")
    yield case("environment changed, checksum kept", "hk_test_" + body, "checksum")
    yield case("family changed, checksum kept", "hpk_" + body, "checksum")


def brands():
    for pair in [DEFAULT_BRANDS, *BRANDS]:
        yield {"service": pair[0], "gateway": pair[1], "error": None}
    yield {"service": "hk", "gateway": "hk", "error": "same"}
    for text in ["", "Hk", "1k", "h_k", "h-k", "hkhkh", " hk", "hk ", "\u00e9", "\u00e9k", "h\u0661"]:
        yield {"service": text, "gateway": "hpk", "error": "form"}
        yield {"service": "hk", "gateway": text, "error": "form"}


def rings():
    one = ring((1, PRODUCTION))
    material = base64url(PRODUCTION)
    yield {"text": one, "ids": [1], "error": None}
    yield {"text": ROTATED, "ids": [7, 3], "error": None}
    yield {"text": ring((3, OLDER), (7, PRODUCTION)), "ids": [7, 3], "error": None}
    yield {"text": FULL, "ids": [4294967295, 9, 2, 1], "error": None}
    yield {"text": f" {one} , {ring((2, OLDER))} ", "ids": [2, 1], "error": None}
    for text, error in [
        ("", "form"),
        (",", "form"),
        (one + ",", "form"),
        (material, "form"),
        (":" + material, "id"),
        ("0:" + material, "id"),
        ("-1:" + material, "id"),
        ("x:" + material, "id"),
        ("4294967296:" + material, "id"),
        ("1:" + base64.urlsafe_b64encode(PRODUCTION).decode(), "base64"),
        ("1:" + material[:-1] + "!", "base64"),
        ("1:" + material + "\n2", "base64"),
        ("1:++++////" + material, "base64"),
        # The last digit of 32 bytes has two bits to spare, which must be zero: one secret has one text.
        ("1:" + base64url(b"\0" * 32)[:-1] + "B", "base64"),
        ("1:", "length"),
        (ring((1, secret("short", 15))), "length"),
        (ring((1, secret("long", 64) + b"x")), "length"),
        (f"{one},{one}", "repeated"),
        (",".join(ring((number, OLDER)) for number in range(1, 6)), "too_many"),
    ]:
        yield {"text": text, "ids": [], "error": error}


def kv_names():
    digest = key_hash(GOOD)
    yield {"text": "k1:" + digest, "hash": digest}
    for text in ["", "k1:", digest, "k2:" + digest, "K1:" + digest, "k1:" + digest.upper(), "k1:" + digest[:-1],
                 "k1:" + digest + "0", "k1:" + digest[:-1] + "g", "k1: " + digest[1:], " k1:" + digest,
                 "k1:" + digest[:-2] + "\u00e9"]:
        yield {"text": text, "hash": None}


def section():
    texts = ["zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "", "0", "hk_live_", "a" * 49, GOOD[:-6]]
    cases = {
        "checksums": [{"text": text, "checksum": checksum(text)} for text in texts],
        "good": list(good()),
        "forged": list(forged()),
        "bad": list(bad()),
        "brands": list(brands()),
        "rings": list(rings()),
        "kv_names": list(kv_names()),
    }
    assert cases["checksums"][0]["checksum"] == "0mLq17", "the vector that the design gives"
    return cases
