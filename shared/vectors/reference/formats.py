"""The formats of keys, rings and records: the whole independent implementation."""

import base64
import hashlib
import hmac
import json
import zlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX_PARTS = {"production": "live", "test": "test", "development": "dev"}
DEFAULT_BRANDS = ["hk", "hpk"]


def base62_six(number):
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def digits_of(label, count=32):
    """Digits that look random and are always the same."""
    number = int.from_bytes(hashlib.sha512(f"digits {label}".encode()).digest(), "big")
    digits = ""
    for _ in range(count):
        number, digit = divmod(number, 62)
        digits += ALPHABET[digit]
    return digits


def secret(label, length=32):
    return hashlib.sha512(f"secret {label}".encode()).digest()[:length]


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def ring(*entries):
    """The text of a ring of (id, secret) pairs."""
    return ",".join(f"{number}:{base64url(material)}" for number, material in entries)


def checksum(text):
    return base62_six(zlib.crc32(text.encode()))


def with_checksum(text):
    return text + checksum(text)


def tag(text, material):
    mac = hmac.new(material, text.encode(), hashlib.sha256).digest()
    return base62_six(int.from_bytes(mac[:8], "big") % 62**6)


def prefix(family, brands=DEFAULT_BRANDS):
    service, gateway = brands
    return f"{gateway}_" if family == "gateway" else f"{service}_{PREFIX_PARTS[family]}_"


def key(family, material, label, brands=DEFAULT_BRANDS):
    text = prefix(family, brands) + digits_of(label)
    return with_checksum(text + tag(text, material))


def preview(text):
    head, body = text.rsplit("_", 1)
    return f"{head}_{body[:3]}***" if "_" in head else f"{head}_{body[:4]}" + "*" * 39


def key_hash(text):
    return hashlib.sha256(text.encode()).hexdigest()


def record_json(record):
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def framed_mac(material, *parts):
    """HMAC-SHA256 over parts, each with its length in front."""
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.new(material, framed, hashlib.sha256).digest()


def record_mac(line, material, deployment, name, purpose="keyward record"):
    return framed_mac(material, *(text.encode() for text in (purpose, deployment, name, line)))


def signed(line, number, material, deployment, name, **options):
    return f"{line}\n{number}.{base64url(record_mac(line, material, deployment, name, **options))}"
