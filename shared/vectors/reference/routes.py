"""Which route a request belongs to. Each route of the table has an upstream of its own, which names it here."""

TABLE = """\
[upstreams]
browse = "https://browse.example.com"
models = "https://models.example.com"
models-write = "https://models.example.com/write/"
one-model = "https://models.example.com/one"
one-model-write = "https://models.example.com/one"
platform = "http://127.0.0.1:9000"
predict = "https://predict.example.com/base"
status = "http://[::1]:9000"

[[routes]]
methods = ["GET"]
path = "/v1"
service = "platform"
scope = "browse"
upstream = "browse"

[[routes]]
methods = ["POST"]
path = "/v1/predict"
service = "prediction"
scope = "predict"
meter = "prediction"
upstream = "predict"
timeout_seconds = 600
failure = { last_known_good_seconds = 60 }

[[routes]]
methods = ["GET"]
path = "/v1/models"
service = "prediction"
scope = "read"
upstream = "models"
failure = "open"
[routes.cors]
origins = ["https://app.example.com"]
headers = ["Content-Type"]

[[routes]]
methods = ["PUT", "DELETE"]
path = "/v1/models"
service = "prediction"
scope = "write"
upstream = "models-write"

[[routes]]
methods = ["GET"]
path = "/v1/models/one"
exact = true
service = "prediction"
upstream = "one-model"

[[routes]]
methods = ["POST"]
path = "/v1/models/one"
service = "prediction"
upstream = "one-model-write"

[[routes]]
methods = ["*"]
path = "/platform"
service = "platform"
upstream = "platform"

[[routes]]
methods = ["GET"]
path = "/status"
public = true
upstream = "status"
shared_cache = true
"""

FOUND = {
    "predict": ["POST /v1/predict", "POST /v1/predict/", "POST /v1/predict/a/b", "POST /v1/%70redict", "POST /%76%31/predict",
                "POST /v1/predict/100%25", "POST /v1/predict/a%20b", "POST /v1/predict/%C3%A9", "POST /v1/predict/...",
                "POST /v1/predict/a;b=c", "POST /v1/predict/%25", "POST /v1/predict/%25zz"],
    "models": ["GET /v1/models", "HEAD /v1/models", "GET /v1/models/", "GET /v1/models/two", "GET /v1/models/one2",
               "GET /v1/models/one%20", "GET /v1/models/two;one", "GET /v1/models/two;x=1/one", "GET /v1/models/two%3bone",
               "GET /v1/models/c%23/one", "GET /v1/models/two%3F", "GET /v1/models/%23one"],
    "models-write": ["PUT /v1/models", "DELETE /v1/models/two"],
    "one-model": ["GET /v1/models/one", "GET /v1/models/one/", "HEAD /v1/models/one"],
    "one-model-write": ["POST /v1/models/one/part"],
    "browse": ["GET /v1", "GET /v1/", "GET /v1/other", "GET /v1/predictx", "GET /v1/model", "GET /v1/Model",
               "GET /v1/predict%20", "GET /v1/other;x=1/models", "GET /v1/models.;x"],
    "platform": ["GET /platform", "GET /platform/a;b=c;d/e;f", "POST /platform/x", "OPTIONS /platform", "PROPFIND /platform", "get /platform"],
    "status": ["GET /status", "GET /status/deep", "HEAD /status"],
}
# The most specific path decides alone: a method it does not list is not passed to a broader rule.
NOT_FOUND = ["GET /", "GET /v2", "GET /V1", "GET /platformx", "GET /v1/predict", "DELETE /v1/predict/x", "POST /v1", "PATCH /v1/models",
             "get /v1/models", "PUT /v1/models/one", "POST /v1/models/one", "GET /v1/models/one/part", "POST /status", "GET /x/v1/predict",
             "GET /Status", "GET /statu%73%20",
             # An origin may take parameters off the segments: it would serve these under a more specific path than the one that matches.
             "GET /v1/models;x=1", "GET /v1/models;/two", "HEAD /v1/models;x=1/two", "GET /v1/models%3Bx=1/two", "GET /v1/models/one;x=1",
             "GET /v1/models/one;", "DELETE /v1/models;x", "POST /v1/predict;x=1", "POST /v1/predict;jsessionid=1/a", "GET /status;x=1",
             "GET /status;/deep", "GET /platform;x=1/y", "GET /v1;x=1/models", "GET /v1;x=1",
             # Or read what it has decoded as a URL once more.
             "GET /v1/models%23", "GET /v1/models%23/two", "GET /v1/models%3Fx/two", "POST /v1/predict%23a", "GET /v1/models/one%23/two",
             "GET /v1/models/one%3f", "GET /v1/models;%23/one",
             # Another may know no difference between capital and small letters; the last three end in a long s, or hold a Kelvin sign or a dotless i.
             "GET /v1/Models", "GET /v1/MODELS/two", "HEAD /v1/%4dodels", "GET /v1/models/One", "GET /v1/models/ONE;x", "DELETE /v1/Models/two",
             "POST /v1/Predict", "GET /v1/model%C5%BF", "GET /v1/PREDICT;x", "GET /v1/pred%C4%B1ct/x"]
AMBIGUOUS = ["", "v1", "v1/models", "*", "//", "//v1/models", "/v1//models", "/v1/models//", "/v1/./models", "/v1/../platform",
             "/v1/models/..", "/v1/models/.", "/%2e%2e/platform", "/v1/%2E./platform", "/v1/.%2e/platform", "/v1/%2e",
             "/v1%2fmodels", "/v1%2Fmodels", "/v1/%2f", "/v1%5cmodels", "/v1/%5C..", "/v1\\models", "/v1/\\", "/v1/a%", "/v1/a%2",
             "/v1/a%zz", "/v1/a%2x", "/v1/%00", "/v1/a%0d%0ab", "/v1/%7f", "/v1/a\nb", "/v1/a\x00", "/v1/a%\u00e9",
             # A URL parser on the way to the origin would end the path there, or drop the sign.
             "/v1/a#b", "/v1/a?b", "/v1/a b", "/v1/a ",
             # An origin that decodes twice would see another path.
             "/v1/%252e%252e/platform", "/v1%252fmodels", "/v1/%256dodels", "/v1/%25%32%65", "/v1/x%25C0",
             # An origin that takes parameters out of segments (`;x=1`) would see dot and empty segments.
             "/v1/..;/platform", "/v1/..;x=1/platform", "/v1/..%23/platform", "/v1/..%3f", "/v1/.%23", "/v1/%2e%2e;/platform", "/v1/.;/models", "/v1/;/models", "/v1/;x=1", "/v1/..%3bx",
             # Overlong and broken UTF-8: lenient decoders read `%c0%af` as a slash and `%c0%ae` as a dot.
             "/v1/%c0%ae%c0%ae/platform", "/v1%c0%afmodels", "/v1/%ff", "/v1/%e9", "/v1/%ed%a0%80"]
RESERVED = {
    "/.keyward": True,
    "/.keyward/health": True,
    "/.KEYWARD/health": True,
    "/%2ekeyward/sync": True,
    "/.keyward/": True,
    "/.keyward;x=1/sync": True,
    "/.keyward%3b/sync": True,
    "/keyward": False,
    "/.keywardx": False,
    "/v1/.keyward": False,
    "/": False,
}


def section():
    requests = []
    for upstream, lines in FOUND.items():
        requests += [{"request": line, "route": upstream} for line in lines]
    requests += [{"request": line, "route": None} for line in NOT_FOUND]
    return {
        "toml": TABLE.splitlines(),
        "requests": requests,
        "ambiguous": AMBIGUOUS,
        "reserved": [{"path": path, "reserved": reserved} for path, reserved in RESERVED.items()],
    }
