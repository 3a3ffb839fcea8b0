"""What a valid request has to know besides its schema. Only requests that are meant to be valid are changed, and only so far.

Each rule stands for a sentence that a schema cannot say; what happens when it is broken is tested in control-plane/tests/http.
"""

import os
from datetime import datetime, timedelta, timezone

import schemathesis
from schemathesis import GenerationMode

SERVICES = ("prediction", "platform")
# The one group that cannot be deleted by the way.
GROUPS = ("admin",)


@schemathesis.hook
def before_call(context, case, kwargs):
    mode = case.meta.generation.mode if case.meta else GenerationMode.POSITIVE
    if mode != GenerationMode.POSITIVE:
        return
    names = {parameter.name for parameter in case.operation.query}
    if names:
        case.query = query(dict(case.query or {}), names)
    if isinstance(case.body, dict):
        case.body = body({name: whole(value) for name, value in case.body.items()})


def query(given, names):
    # A cursor is one that the API gave out: it is followed by its link, not made up.
    given.pop("cursor", None)
    # A person may be in several organizations by now, and says which one it means.
    if "organization_id" in names:
        given.setdefault("organization_id", os.environ["KEYWARD_ORGANIZATION"])
    # A period begins in the past, ends later, and has so many buckets at most.
    if "granularity" in names:
        given.pop("from", None)
        given.pop("to", None)
    # States are named in one way, and pages alone are counted.
    if "status" in given:
        given.pop("active_only", None)
    if "limit" not in given:
        given.pop("count", None)
    # Keys are handed over to another member, who has to be there.
    if "keys" in names:
        given.pop("to", None)
        if given.get("keys") == "hand_over":
            given["keys"] = "keep"
    return given


def whole(value):
    # JSON Schema calls 215.0 an integer. Our readers want it written as 215, as every client's serializer does.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def body(given):
    # Services are configured, and groups are made: a name alone does not tell whether there is such a one.
    if isinstance(given.get("service_id"), str):
        given["service_id"] = SERVICES[len(given["service_id"]) % len(SERVICES)]
    if isinstance(given.get("groups"), list):
        given["groups"] = [GROUPS[len(name) % len(GROUPS)] for name in given["groups"]]
    if isinstance(given.get("group"), str):
        given["group"] = GROUPS[len(given["group"]) % len(GROUPS)]
    # An end is in the future, and is said in one way.
    if "expires_at" in given:
        given.pop("expires_in_days", None)
    if isinstance(given.get("expires_at"), str):
        given["expires_at"] = (datetime.now(timezone.utc) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    # A network has no bits beyond its prefix.
    if isinstance(given.get("allowed_ips"), list):
        given["allowed_ips"] = [entry if "/" not in entry else "203.0.113.0/24" for entry in given["allowed_ips"]]
    return given
