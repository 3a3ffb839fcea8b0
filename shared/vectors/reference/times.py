"""Moments as RFC 3339 writes them."""

import datetime

LAST = 253402300799
SECONDS = [0, 1, 59, 60, 86399, 86400, 951782399, 951782400, 951868800, 1709164800, 1709251199, 1709251200, 1735689599, 1735689600,
           1800000000, 4107542399, 4107542400, 13574563200, LAST]
BEYOND = [(-1, 0), (-(2**63), 0), (LAST + 1, LAST), (2**63 - 1, LAST)]


def written(seconds):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return moment.isoformat() + "Z"


def section():
    pairs = [(seconds, seconds) for seconds in SECONDS] + BEYOND
    return [{"seconds": seconds, "rfc3339": written(shown)} for seconds, shown in pairs]
