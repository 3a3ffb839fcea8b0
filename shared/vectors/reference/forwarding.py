"""What passes on to the origin, and what comes back."""

from . import records

STAYS = ["Authorization", "AUTHORIZATION", "authorization", "Api-Key", "api_key", "API.KEY", "Connection", "Keep-Alive",
         "Keyward-Key-Id", "keyward-key-id", "KEYWARD-KEY-ID", "Keyward_Key_Id", "keyward_key-id", "Keyward.Key.Id",
         "Keyward-Organization", "Keyward-Service", "Keyward-Environment", "Keyward-Scopes", "Keyward-Request-Id",
         "Keyward-Assertion", "Keyward-Anything", "Keyward-", "Keyward_", "Keyward", "_Keyward-Key-Id", "-Keyward-Scopes",
         "__keyward__scopes", "Keyward!Scopes", "Keyward~Scopes"]
PASSES = ["Accept", "Content-Type", "Content-Length", "Cookie", "Host", "Origin", "Range", "User-Agent", "X-Api-Key-Hint",
          "X-Forwarded-For", "CF-Connecting-IP", "Keywardness", "X-Keyward-Key-Id", "Key-Ward", "Idempotency-Key",
          "Sec-WebSocket-Protocol", "Authorization-Hint"]
CONNECTION = [
    ("X-Secret", "x-secret", False),
    ("x-secret", "X-SECRET", False),
    ("keep-alive, X-Secret", "X-Secret", False),
    ("a,X-Secret ,b", "X-Secret", False),
    (" , ,", "X-Secret", True),
    ("X-Secret-Other", "X-Secret", True),
    ("close", "Accept", True),
    ("Keyward-Key-Id", "Keyward-Key-Id", False),
    ("Keyward-Key-Id", "Accept", True),
    ("Upgrade", "Upgrade", False),
]
CACHE_CONTROL = [
    (None, "private"),
    ("", "private"),
    (",", "private"),
    ("private", "private"),
    ("public", "private"),
    ("no-store", "private, no-store"),
    ("public, max-age=60, s-maxage=600", "private, max-age=60"),
    ("PUBLIC,Max-Age=60,S-MaxAge=600", "private, Max-Age=60"),
    ("max-age=60, must-revalidate, proxy-revalidate", "private, max-age=60, must-revalidate"),
    ("private=\"x-a\", max-age=1", "private, max-age=1"),
    ("private=\"x-a, x-b\", max-age=1", "private, max-age=1"),
    ("no-cache=\"x-a, x-b\", public", "private, no-cache=\"x-a, x-b\""),
    ("s-maxage = 5 , immutable", "private, immutable"),
    ("stale-while-revalidate=5", "private, stale-while-revalidate=5"),
    ("private=\"open", "private"),
    ("private=#a, public\", s-maxage=1", "private"),
    ("max-age=\"60, public", "private"),
]


def section():
    requests = [{"connection": None, "name": name, "passes": False} for name in STAYS]
    requests += [{"connection": None, "name": name, "passes": True} for name in PASSES]
    requests += [{"connection": listed, "name": name, "passes": passes} for listed, name, passes in CONNECTION]
    return {
        "requests": requests,
        "cache_control": [{"upstream": given, "sent": sent} for given, sent in CACHE_CONTROL],
        "identity": {
            "record": records.SERVICE,
            "headers": [
                ["Keyward-Key-Id", records.SERVICE["key_id"]],
                ["Keyward-Organization", "default"],
                ["Keyward-Service", "prediction"],
                ["Keyward-Environment", "production"],
                ["Keyward-Scopes", "predict read"],
            ],
        },
    }
