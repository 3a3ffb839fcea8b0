"""Asks the API what its description says it can be asked, as admin, developer and viewer.

    python run.py <keyward> <openapi.json> [seconds for each]

`keyward` is the built program; it serves from a new folder. Exceptions stand in schemathesis.toml, each with its reason.
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ADMIN_TOKEN = "schemathesis-" + base64.b64encode(os.urandom(24)).decode().rstrip("=")
JWT_SECRET = base64.b64encode(os.urandom(32)).decode()
ISSUER, AUDIENCE = "https://id.example", "keyward"
RING = "1:" + base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def user_token(subject):
    """A token of the shared secret, good for an hour."""
    part = lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": int(time.time()) + 3600}
    head = {"alg": "HS256", "typ": "JWT"}
    text = ".".join(part(json.dumps(value).encode()) for value in (head, claims))
    mac = hmac.new(JWT_SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{part(mac)}"


def settings(folder, port):
    lines = {
        "listen": f"127.0.0.1:{port}",
        "database_url": f"sqlite://{folder}/keyward.db",
        "admin_token": ADMIN_TOKEN,
    }
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    return text + (
        'services = ["prediction", "platform"]\nreconcile_interval_seconds = 0\n'
        f'[jwt]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\nsecret = "{JWT_SECRET}"\n'
        f'[tag_secrets]\nproduction = "{RING}"\ntest = "{RING}"\ndevelopment = "{RING}"\ngateway = "{RING}"\n'
    )


def ask(url, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, method=method)
    request.add_header("authorization", f"Bearer {ADMIN_TOKEN}")
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def wait_until_it_serves(process, url):
    for _ in range(600):
        try:
            return ask(url, "GET", "/healthz")
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                sys.exit("`keyward serve` ended by itself")
            time.sleep(0.1)
    sys.exit("`keyward serve` does not answer")


def seed(url):
    """An organization with everybody in it, a group, and a key."""
    organization = ask(url, "GET", "/api/v1/userinfo")["org_id"]
    for subject, role in (("owner", "owner"), ("dev", "developer"), ("vic", "viewer")):
        ask(url, "PUT", f"/api/v1/organizations/{organization}/members/{subject}", {"role": role})
    ask(url, "POST", "/api/v1/groups", {"name": "engineering", "scopes": ["predict"]})
    ask(url, "POST", "/api/v1/keys", {"name": "seed", "service_id": "prediction"})
    return organization


def main():
    keyward, description = (str(Path(path).resolve()) for path in sys.argv[1:3])
    seconds = sys.argv[3] if len(sys.argv) > 3 else "60"
    tool = str(Path(sys.executable).with_name("schemathesis"))
    failed = []
    for who, token in (("admin", ADMIN_TOKEN), ("developer", user_token("dev")), ("viewer", user_token("vic"))):
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            Path(folder, "keyward.toml").write_text(settings(folder, port))
            log = open(Path(folder, "log"), "w")
            process = subprocess.Popen([keyward, "serve"], cwd=folder, stdout=log, stderr=log)
            try:
                wait_until_it_serves(process, url)
                environment = os.environ | {
                    "KEYWARD_ORGANIZATION": seed(url),
                    "KEYWARD_CREDENTIAL": token,
                    "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
                    "PYTHONDONTWRITEBYTECODE": "1",
                }
                command = [tool, "--config-file", str(HERE / "schemathesis.toml"), "run", description, "--url", url]
                command += ["--max-time", seconds, "--seed", "1"]
                print(f"\n=== as {who}", flush=True)
                if subprocess.run(command, cwd=folder, env=environment).returncode != 0:
                    failed.append(who)
                if " 500 " in Path(folder, "log").read_text():
                    print(Path(folder, "log").read_text()[-4000:])
            finally:
                process.terminate()
                process.wait(20)
    if failed:
        sys.exit(f"schemathesis found failures as {', '.join(failed)}")


main()
