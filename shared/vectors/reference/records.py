"""Signed records: good ones byte for byte, and tampered ones."""

import base64

from .formats import base64url, key_hash, record_json, record_mac, ring, secret, signed

CURRENT, OLDER = secret("records"), secret("records before")
RING = ring((5, CURRENT), (4, OLDER))
DEPLOYMENT = "main"
HASH = key_hash("a key of the vectors")
NAME = "k1:" + HASH
MAX_RECORD_BYTES = 64 * 1024

SERVICE = {
    "version": 1,
    "revision": 7,
    "key_id": "0190a5b0-7c1e-7b3a-9d4e-0123456789ab",
    "organization": "default",
    "service": "prediction",
    "environment": "production",
    "status": "active",
    "scopes": ["predict", "read"],
    "allowed_ips": ["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"],
    "expires_at": 1900000000,
    "rate_limit_per_hour": 5000,
    "monthly_limit": 1000000,
    "plan": "free",
    "guard": "0190a5b0-7c1e-7b3a-9d4e-0123456789ab",
}
GATEWAY = {
    **SERVICE,
    "service": None,
    "environment": None,
    "scopes": [],
    "allowed_ips": [],
    "expires_at": None,
    "rate_limit_per_hour": None,
    "monthly_limit": None,
}
# What each field becomes when somebody who can write to KV, but has no secret, wants more.
WANTED = {
    "version": 2,
    "revision": 8,
    "key_id": "0190a5b0-7c1e-7b3a-9d4e-0123456789ac",
    "organization": "other",
    "service": "platform",
    "environment": "test",
    "status": "revoked",
    "scopes": ["predict", "read", "admin"],
    "allowed_ips": [],
    "expires_at": None,
    "rate_limit_per_hour": None,
    "monthly_limit": None,
    "plan": "paid",
    "guard": "0190a5b0-7c1e-7b3a-9d4e-0123456789ac",
    "home": "weur",
    "in_grace": True,
}


def good():
    records = {
        "service key": SERVICE,
        "gateway key": GATEWAY,
        "with a home": {**SERVICE, "home": "weur"},
        "in grace": {**SERVICE, "in_grace": True},
        "in grace, with a home": {**SERVICE, "home": "weur", "in_grace": True},
        "largest numbers": {
            **SERVICE,
            "revision": 2**64 - 1,
            "expires_at": 2**63 - 1,
            "rate_limit_per_hour": 2**32 - 1,
            "monthly_limit": 2**64 - 1,
        },
        "smallest numbers": {
            **SERVICE,
            "revision": 0,
            "expires_at": -(2**63),
            "rate_limit_per_hour": 0,
            "monthly_limit": 0,
        },
        "text that JSON escapes": {**SERVICE, "plan": "\"\\/\b\f\n\r\t\x00\x1f\x7f", "organization": "\u00e9\u2028\U0001f511"},
    }
    for status in ["deactivated", "revoked", "superseded"]:
        records[status] = {**SERVICE, "status": status}
    for environment in ["test", "development"]:
        records[environment] = {**SERVICE, "environment": environment}
    for name, record in records.items():
        value = signed(record_json(record), 5, CURRENT, DEPLOYMENT, NAME)
        yield {"name": name, "record": record, "mac_key_id": 5, "signs": True, "value": value}
    older = signed(record_json(SERVICE), 4, OLDER, DEPLOYMENT, NAME)
    yield {"name": "signed with the older secret", "record": SERVICE, "mac_key_id": 4, "signs": False, "value": older}
    spaced = signed(" " + record_json(SERVICE).replace(",", ", "), 5, CURRENT, DEPLOYMENT, NAME)
    yield {"name": "signed with spaces", "record": SERVICE, "mac_key_id": 5, "signs": False, "value": spaced}


def tampered():
    """Values that hold the MAC of another line, name, deployment, purpose or secret."""
    line = record_json(SERVICE)
    value = signed(line, 5, CURRENT, DEPLOYMENT, NAME)
    mac = value.split("\n", 1)[1]
    for field, wanted in WANTED.items():
        yield f"{field} changed", record_json({**SERVICE, field: wanted}) + "\n" + mac
        if field in SERVICE:
            without = {name: part for name, part in SERVICE.items() if name != field}
            yield f"{field} removed", record_json(without) + "\n" + mac
    yield "field added", record_json({**SERVICE, "extra": 1}) + "\n" + mac
    yield "field repeated", line[:-1] + ',"status":"active"}' + "\n" + mac
    yield "space added", line + " \n" + mac
    yield "carriage return added", line + "\r\n" + mac
    yield "no JSON", "\n" + mac
    yield "of another deployment", signed(line, 5, CURRENT, "staging", NAME)
    yield "of another name", signed(line, 5, CURRENT, DEPLOYMENT, "k1:" + key_hash("another key"))
    yield "of the name without its prefix", signed(line, 5, CURRENT, DEPLOYMENT, HASH)
    yield "of a name part of which is the deployment", signed(line, 5, CURRENT, DEPLOYMENT + "k", NAME[1:])
    yield "of another purpose", signed(line, 5, CURRENT, DEPLOYMENT, NAME, purpose="keyward sync")
    yield "of no purpose", signed(line, 5, CURRENT, DEPLOYMENT, NAME, purpose="")
    yield "under the other secret's id", signed(line, 4, CURRENT, DEPLOYMENT, NAME)
    yield "by a stranger", signed(line, 5, secret("stranger"), DEPLOYMENT, NAME)
    yield "MAC of zeros", f"{line}\n5.{base64url(bytes(32))}"


def misformed():
    line = record_json(SERVICE)
    mac = record_mac(line, CURRENT, DEPLOYMENT, NAME)
    text = base64url(mac)
    yield "empty", ""
    yield "no newline", line
    yield "newline missing before the MAC", f"{line}5.{text}"
    yield "newline at the end", f"{line}\n5.{text}\n"
    yield "line before the JSON", f"\n{line}\n5.{text}"
    yield "no MAC", f"{line}\n"
    yield "no id", f"{line}\n{text}"
    yield "empty id", f"{line}\n.{text}"
    yield "empty MAC", f"{line}\n5."
    for number in ["05", "+5", " 5", "5 ", "-5", "5.0", "0x5", "\u0665", "4294967296", ""]:
        yield f"id {number!r}", f"{line}\n{number}.{text}"
    yield "MAC with padding", f"{line}\n5.{base64.urlsafe_b64encode(mac).decode()}"
    yield "MAC in the other alphabet", f"{line}\n5.+/{text[2:]}"
    yield "MAC in hexadecimal", f"{line}\n5.{mac.hex()}"
    yield "MAC too short", f"{line}\n5.{base64url(mac[:31])}"
    yield "MAC too long", f"{line}\n5.{base64url(mac + bytes(1))}"
    yield "space after the MAC", f"{line}\n5.{text} "
    # The last digit carries two bits that no byte has. Were they ignored, four texts would be one record.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(text[-1])
    for spare in [1, 2, 3]:
        yield f"MAC with spare bits {spare}", f"{line}\n5.{text[:-1]}{alphabet[last | spare]}"


def not_understood():
    """Signed by us, and still not a record of this version."""
    for name, change in {
        "version 0": {"version": 0},
        "version 2": {"version": 2},
        "version as text": {"version": "1"},
        "unknown field": {"denied_paths": []},
        "unknown status": {"status": "paused"},
        "status in capitals": {"status": "Active"},
        "unknown environment": {"environment": "live"},
        "negative revision": {"revision": -1},
        "limit as text": {"rate_limit_per_hour": "5000"},
        "limit too large": {"rate_limit_per_hour": 2**32},
        "expiry with a fraction": {"expires_at": 1.5},
        "network with host bits": {"allowed_ips": ["203.0.113.1/24"]},
        "network that is none": {"allowed_ips": ["localhost"]},
        "no list of networks": {"allowed_ips": None},
        "no list of scopes": {"scopes": None},
        "grace as a moment": {"in_grace": 1900000000},
        "grace that is null": {"in_grace": None},
    }.items():
        yield name, record_json({**SERVICE, **change})
    for field in SERVICE:
        yield f"without {field}", record_json({name: part for name, part in SERVICE.items() if name != field})
    yield "field twice", record_json(SERVICE)[:-1] + ',"status":"active"}'
    yield "array", record_json([SERVICE])
    yield "null", "null"
    yield "empty", ""
    yield "no JSON", "version=1"
    yield "two records", record_json(SERVICE) + record_json(SERVICE)


def sized(name, size, error):
    """A record whose value has that many bytes. The fill is left out here: `@` stands for it."""
    bare = len(signed(record_json({**SERVICE, "plan": ""}), 5, CURRENT, DEPLOYMENT, NAME))
    filled = signed(record_json({**SERVICE, "plan": "p" * (size - bare)}), 5, CURRENT, DEPLOYMENT, NAME)
    assert len(filled) == size
    value = filled.replace("p" * (size - bare), "@")
    return {"name": name, "value": value, "fill": size - bare, "error": error}


def section():
    bad = [{"name": name, "value": value, "error": "mac"} for name, value in tampered()]
    bad += [{"name": name, "value": value, "error": "form"} for name, value in misformed()]
    line = record_json(SERVICE)
    for number in [0, 3, 6, 4294967295]:
        value = signed(line, number, CURRENT, DEPLOYMENT, NAME)
        bad.append({"name": f"signed with secret {number}", "value": value, "error": "unknown_secret"})
    for name, text in not_understood():
        value = signed(text, 5, CURRENT, DEPLOYMENT, NAME)
        bad.append({"name": name, "value": value, "error": "version"})
    return {
        "ring": RING,
        "deployment": DEPLOYMENT,
        "hash": HASH,
        "good": list(good()),
        "bad": bad,
        "sizes": [
            sized("as large as may be", MAX_RECORD_BYTES, None),
            sized("one byte too large", MAX_RECORD_BYTES + 1, "too_large"),
        ],
    }
