import jwt  # pip install "pyjwt[crypto]"

# Kept for five minutes. It asks again for every unknown key id: let a rate limit stand before it where strangers reach this origin.
keys = jwt.PyJWKClient("https://api.example.com/.keyward/jwks.json", lifespan=300, headers={"User-Agent": "origin"})


def who_calls(assertion: str) -> dict:
    """Who calls, by the request's Keyward-Assertion. Answer 401 when this raises jwt.PyJWTError."""
    if jwt.get_unverified_header(assertion).get("typ") != "keyward-assertion+jwt":
        raise jwt.InvalidTokenError("a token of another type")
    return jwt.decode(
        assertion,
        keys.get_signing_key_from_jwt(assertion),
        algorithms=["EdDSA"],
        issuer="urn:keyward:deployment:main",
        audience="https://origin.example.com",
        options={"require": ["exp", "iss", "aud"]},
        leeway=5,
    )
