"""The closed list of reasons, with the HTTP answer to each, for the realm `keyward` and a route with the scope `read`."""

BEARER = 'Bearer realm="keyward"'
TOKEN = "invalid_token"

TABLE = [
    ("missing_credential", 401, "", None, None),
    ("malformed_request", 400, "invalid_request", "Malformed request", None),
    ("malformed_request", 400, "invalid_request", "Malformed request", None),
    ("malformed_request", 400, "invalid_request", "Malformed request", None),
    ("invalid_key", 401, TOKEN, "Invalid API key", None),
    ("deactivated", 401, TOKEN, "API key deactivated", None),
    ("revoked", 401, TOKEN, "API key revoked", None),
    ("superseded", 401, TOKEN, "API key superseded", None),
    ("expired", 401, TOKEN, "API key expired", None),
    ("wrong_environment", 403, None, None, None),
    ("wrong_service", 403, None, None, None),
    ("insufficient_scope", 403, "insufficient_scope", "Insufficient scope", None),
    ("ip_not_allowed", 403, None, None, None),
    ("rate_limited", 429, None, None, None),
    ("rate_limited", 429, None, None, None),
    ("quota_exceeded", 429, None, None, None),
    ("no_route", 404, None, None, None),
    ("unavailable", 503, None, None, 1),
    ("upstream_failed", 502, None, None, None),
    ("upstream_timeout", 504, None, None, None),
]


def challenge(error, description):
    if error is None:
        return None
    if error == "":
        return BEARER
    scope = ', scope="read"' if error == "insufficient_scope" else ""
    return f'{BEARER}, error="{error}", error_description="{description}"{scope}'


def section():
    return [
        {
            "code": code,
            "status": status,
            "type": f"urn:keyward:problem:{code}",
            "challenge": challenge(error, description),
            "retry_after_seconds": retry,
        }
        for code, status, error, description, retry in TABLE
    ]
