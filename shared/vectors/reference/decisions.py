"""Decisions. A case names what differs from a request that is allowed."""

import itertools

from . import records

NOW = 1800000000
SERVICE_RECORD = records.SERVICE
GATEWAY_RECORD = {**records.GATEWAY, "scopes": ["predict"]}
FACTS = {
    "family": "production",
    "organization": None,
    "environment": "production",
    "service": "prediction",
    "scope": "predict",
    "client_ip": "203.0.113.9",
}
BASES = {
    "service": {"record": SERVICE_RECORD, "facts": FACTS},
    "gateway": {"record": GATEWAY_RECORD, "facts": {**FACTS, "family": "gateway"}},
    # Made elsewhere: the text tells nothing, the record everything.
    "imported": {"record": SERVICE_RECORD, "facts": {**FACTS, "family": None}},
}


def case(name, reason, base="service", record=None, facts=None, now=NOW):
    return {"name": name, "base": base, "record": record or {}, "facts": facts or {}, "now": now, "reason": reason}


def statuses():
    for base in BASES:
        yield case(f"{base} key, allowed", None, base)
        for status in ["deactivated", "revoked", "superseded"]:
            yield case(f"{base} key, {status}", status, base, {"status": status})


def expiry():
    for base in BASES:
        for expires_at in [1900000000, 0, -1]:
            record = {"expires_at": expires_at}
            yield case("one second before it expires", None, base, record, now=expires_at - 1)
            yield case("the second it expires", "expired", base, record, now=expires_at)
            yield case("one second after", "expired", base, record, now=expires_at + 1)
        record = {"expires_at": NOW, "in_grace": True}
        yield case("the last second of grace", None, base, record, now=NOW - 1)
        yield case("the second grace ends", "superseded", base, record)
        yield case("in grace and revoked", "revoked", base, {**record, "status": "revoked"}, now=NOW - 1)
        yield case("never expires", None, base, {"expires_at": None}, now=2**63 - 1)
        yield case("the last second there is", "expired", base, {"expires_at": 2**63 - 1}, now=2**63 - 1)


def environments():
    """Prefix = record = deployment; every combination of the three."""
    names = ["production", "test", "development"]
    for family, own, deployment in itertools.product(names, [*names, None], names):
        reason = None if family == own == deployment else "wrong_environment"
        yield case(f"prefix {family}, record {own}, deployment {deployment}", reason,
                   record={"environment": own}, facts={"family": family, "environment": deployment})
    for deployment in names:
        yield case(f"gateway key in {deployment}", None, "gateway", facts={"environment": deployment})
        for own in names:
            yield case(f"gateway key whose record says {own}, in {deployment}", "wrong_environment", "gateway",
                       {"environment": own}, {"environment": deployment})
    for own, deployment in itertools.product([*names, None], names):
        yield case(f"imported key, record {own}, deployment {deployment}", None if own == deployment else "wrong_environment", "imported",
                   {"environment": own}, {"environment": deployment})
    yield case("gateway prefix on a service key's record", "wrong_environment", facts={"family": "gateway"})
    yield case("service prefix on a gateway key's record", "wrong_environment", "gateway", facts={"family": "production"})


def organizations():
    """Whoever asks for one organization alone learns nothing of the keys of others, not even that they have ended."""
    for base in BASES:
        own = BASES[base]["record"]["organization"]
        yield case(f"{base} key, asked for its organization", None, base, facts={"organization": own})
        for other in ["", own.upper() + "x", own[:-1], own + "0", "*"]:
            yield case(f"{base} key, asked for organization {other!r}", "invalid_key", base, facts={"organization": other})
        for fault in [{"status": "revoked"}, {"status": "deactivated"}, {"expires_at": 0}, {"scopes": []}]:
            yield case(f"{base} key of another organization, {fault}", "invalid_key", base, fault, {"organization": "other"})


def services_and_scopes():
    yield case("other service", "wrong_service", facts={"service": "platform"})
    yield case("service in capitals", "wrong_service", facts={"service": "Prediction"})
    yield case("service that starts alike", "wrong_service", facts={"service": "predict"})
    yield case("record without a service", "wrong_service", record={"service": None})
    yield case("imported key, other service", "wrong_service", "imported", facts={"service": "platform"})
    yield case("imported key, record without a service", "wrong_service", "imported", {"service": None})
    yield case("imported key, route asks for no scope", None, "imported", facts={"scope": None})
    yield case("imported key, route asks for another scope", "insufficient_scope", "imported", facts={"scope": "write"})
    yield case("gateway key whose record names a service", None, "gateway", {"service": "platform"})
    yield case("gateway key, any service", None, "gateway", facts={"service": "platform"})
    for scope, reason in [("read", None), (None, None), ("write", "insufficient_scope"), ("Predict", "insufficient_scope"),
                          ("predic", "insufficient_scope"), ("predict ", "insufficient_scope"), ("predict read", "insufficient_scope"),
                          ("", "insufficient_scope"), ("*", "insufficient_scope")]:
        yield case(f"route asks for {scope!r}", reason, facts={"scope": scope})
    yield case("no scopes, route asks for none", None, record={"scopes": []}, facts={"scope": None})
    yield case("no scopes, route asks for one", "insufficient_scope", record={"scopes": []})
    yield case("`*` is a scope like any other", "insufficient_scope", record={"scopes": ["*"]})
    yield case("gateway key, route without a scope", "insufficient_scope", "gateway", facts={"scope": None})
    yield case("gateway key, route with another scope", "insufficient_scope", "gateway", facts={"scope": "read"})
    yield case("gateway key without scopes", "insufficient_scope", "gateway", {"scopes": []})


def addresses():
    for base in BASES:
        for allowed, client, is_allowed in [
            ([], "198.51.100.1", True),
            ([], None, True),
            (["203.0.113.0/24"], "203.0.113.255", True),
            (["203.0.113.0/24"], "203.0.114.0", False),
            (["203.0.113.0/24"], None, False),
            (["0.0.0.0/0", "::/0"], None, False),
            (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
            (["203.0.113.0/24"], "::ffff:198.51.100.1", False),
            (["203.0.113.0/24"], "::203.0.113.9", False),
            (["::ffff:203.0.113.0/120"], "203.0.113.9", True),
            (["2001:db8::/32"], "2001:db8:1::1", True),
            (["2001:db8::/32"], "2001:db9::1", False),
            (["2001:db8::/32"], "203.0.113.9", False),
            (["0.0.0.0/0"], "2001:db8::1", False),
            (["198.51.100.7", "2001:db8::/32", "203.0.113.9"], "203.0.113.9", True),
            (["198.51.100.7", "2001:db8::/32"], "198.51.100.8", False),
        ]:
            yield case(f"{base} key from {client}, allowed {allowed}", None if is_allowed else "ip_not_allowed", base,
                       {"allowed_ips": allowed}, {"client_ip": client})


def order():
    """Every set of faults at once: the first of the order is the answer."""
    faults = [
        ("revoked", {"status": "revoked"}, {}),
        ("expired", {"expires_at": NOW}, {}),
        ("wrong_environment", {"environment": "test"}, {}),
        ("wrong_service", {"service": "platform"}, {}),
        ("insufficient_scope", {"scopes": ["other"]}, {}),
        ("ip_not_allowed", {}, {"client_ip": "198.51.100.1"}),
    ]
    for count in range(2, len(faults) + 1):
        for chosen in itertools.combinations(faults, count):
            record, facts = {}, {}
            for _, own, request in chosen:
                record.update(own)
                facts.update(request)
            for base in ["service", "imported"]:
                yield case(" and ".join(fault[0] for fault in chosen), chosen[0][0], base, record, facts)


def section():
    parts = [statuses(), expiry(), organizations(), environments(), services_and_scopes(), addresses(), order()]
    return {"bases": BASES, "cases": list(itertools.chain(*parts))}
