"""What control plane and edge say to each other: the headers that sign it."""

from .formats import base64url, framed_mac, ring, secret

CURRENT, OLDER = secret("messages"), secret("messages before")
RING = ring((2, CURRENT), (1, OLDER))
DEPLOYMENT = "main"
NOW = 1_800_000_000_000
MAX_AGE = 300_000
NONCE = secret("nonce", 16)
QUESTION, ANSWER, REPORT = "keyward sync question", "keyward sync answer", "keyward usage report"

BATCH = '{"records":[{"name":"k1:00","value":"a record"}]}'
ADOPTED = '{"promise":"everywhere","results":[{"adopted":{"revision":3,"quiet_in_ms":2060}}]}'
TOTALS = (
    '{"keys":[{"key_id":"0190a5b0-7c1e-7b3a-9d4e-0123456789ab","last_used_at":1799999999000,"hours":[[499998,2],[499999,5]],'
    '"metered":[{"meter":"prediction","month":24325,"requests":4}]}]}'
)


def seal(purpose, body, number=2, material=CURRENT, deployment=DEPLOYMENT, at=NOW, nonce=NONCE):
    mac = framed_mac(material, purpose.encode(), deployment.encode(), at.to_bytes(8, "big"), nonce, body.encode())
    return f"{number}.{at}.{base64url(nonce)}.{base64url(mac)}"


def seals(purpose, body):
    """Headers of a question or a report, what each is, and the error."""
    good = seal(purpose, body)
    number, time, nonce, mac = good.split(".")
    yield "good", good, None
    yield "signed with the older secret", seal(purpose, body, 1, OLDER), None
    yield "as old as may be", seal(purpose, body, at=NOW - MAX_AGE), None
    yield "as early as may be", seal(purpose, body, at=NOW + MAX_AGE), None
    yield "too old", seal(purpose, body, at=NOW - MAX_AGE - 1), "clock"
    yield "too early", seal(purpose, body, at=NOW + MAX_AGE + 1), "clock"
    yield "of another deployment", seal(purpose, body, deployment="other"), "mac"
    yield "of another body", seal(purpose, body + " "), "mac"
    yield "by a stranger", seal(purpose, body, material=secret("stranger")), "mac"
    yield "under the other secret's id", seal(purpose, body, 1), "mac"
    yield "with another nonce", ".".join([number, time, base64url(secret("other", 16)), mac]), "mac"
    yield "with another time", ".".join([number, str(NOW + 1), nonce, mac]), "mac"
    for other in [QUESTION, ANSWER, REPORT, ""]:
        if other != purpose:
            yield f"for {other or 'nothing'}", seal(other, body), "mac"
    yield "under no secret's id", seal(purpose, body, 3), "unknown_secret"
    yield "empty", "", "form"
    yield "cut off", f"{number}.{time}.{nonce}", "form"
    yield "with more", good + ".", "form"
    yield "with a sign", "+" + good, "form"
    yield "with a negative time", ".".join([number, "-1", nonce, mac]), "form"
    yield "with a padded nonce", ".".join([number, time, nonce + "==", mac]), "form"
    yield "with a short nonce", ".".join([number, time, nonce[:-2], mac]), "form"
    yield "with a short MAC", ".".join([number, time, nonce, mac[:-2]]), "form"


def answer(number=2, material=CURRENT, deployment=DEPLOYMENT, nonce=NONCE, body=ADOPTED, purpose=ANSWER):
    mac = framed_mac(material, purpose.encode(), deployment.encode(), nonce, body.encode())
    return f"{number}.{base64url(mac)}"


def answers():
    yield "good", answer(), None
    yield "signed with the older secret", answer(1, OLDER), None
    yield "of another deployment", answer(deployment="other"), "mac"
    yield "to another question", answer(nonce=secret("other", 16)), "mac"
    yield "of another body", answer(body=ADOPTED + " "), "mac"
    yield "for another purpose", answer(purpose=REPORT), "mac"
    yield "under no secret's id", answer(3), "unknown_secret"
    yield "without an id", answer().split(".")[1], "form"


def cases(headers, prefix=""):
    return [{"name": name, "header": prefix + header, "error": error} for name, header, error in headers]


def section():
    foreign = [
        {"name": "without a deployment", "header": seal(REPORT, TOTALS), "error": "form"},
        {"name": "with no deployment's name", "header": "Main." + seal(REPORT, TOTALS), "error": "form"},
        {"name": "under another deployment's name", "header": "other." + seal(REPORT, TOTALS), "error": "mac"},
    ]
    return {
        "ring": RING,
        "deployment": DEPLOYMENT,
        "now": NOW,
        "nonce": base64url(NONCE),
        "question": BATCH,
        "questions": cases(seals(QUESTION, BATCH)),
        "answer": ADOPTED,
        "answers": cases(answers()),
        "report": TOTALS,
        "reports": cases(seals(REPORT, TOTALS), f"{DEPLOYMENT}.") + foreign,
    }
