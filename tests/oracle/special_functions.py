#!/usr/bin/env python3
"""The worst error of every special function in units of the last place, ours beside SciPy's, as the
second table of docs/accuracy.md. The truth is mpmath's in 60 digits. Of an inverse, and where the
arguments' own rounding moves the result by more, the unit is what one unit of the arguments moves.
Needs python3-mpmath; python3-scipy for its column. Usage: special_functions.py PROGRAM [POINTS]"""
import json
import math
import random
import subprocess
import sys

import mpmath
from mpmath import mp, mpf

try:
    import scipy
    import scipy.special as peer
except ImportError:
    peer = None

mp.dps = 60
draw = random.Random(20261125)


def log_between(low, high):
    return math.exp(draw.uniform(math.log(low), math.log(high)))


def wide():
    return draw.choice([-1, 1]) * log_between(1e-10, 25)


def fraction():
    return draw.choice([draw.uniform(0.001, 0.999), log_between(1e-300, 0.5)])


def gamma_point():
    a = log_between(1e-6, 1e4)
    return a, draw.choice([a * log_between(0.2, 5), abs(a + math.sqrt(a) * draw.uniform(-8, 8))])


def beta_point():
    a, b = log_between(1e-3, 1e3), log_between(1e-3, 1e3)
    return a, b, draw.choice([draw.uniform(0.01, 0.99), log_between(1e-8, 0.5)])


def lower(a, x):
    return mpmath.gammainc(a, 0, x, regularized=True)


def upper(a, x):
    return mpmath.gammainc(a, x, mpmath.inf, regularized=True)


def inc(a, b, x):
    return mpmath.betainc(a, b, 0, x, regularized=True)


def inc_c(a, b, x):
    return mpmath.betainc(b, a, 0, 1 - x, regularized=True)


def ndtr(x):
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def lbeta(a, b):
    return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)


def deviance(x, m):
    return x * mpmath.log(x / m) - x + m


def stirling(x):
    return mpmath.loggamma(x) - (x - mpf(1) / 2) * mpmath.log(x) + x - mpmath.log(2 * mpmath.pi) / 2


def at(*draws):
    return lambda: tuple(d() for d in draws)


def log_of(low, high):
    return lambda: log_between(low, high)


eps = mpf(2) ** -52
ends_at_one = [inc, inc_c]


def condition(f, args, y):
    """The relative change of f by that of one argument that is no count, the largest."""
    h, most = mpf(10) ** -20, mpf(1)
    for i in range(len(args)):
        if isinstance(args[i], int):
            continue
        moved = [mpf(a) * (1 + h if k == i else 1) for k, a in enumerate(args)]
        most = max(most, abs((f(*moved) - y) / (h * y)))
    return most


def of_value(f, args, y):
    """In units of the last place; None where the truth leaves f64."""
    truth = f(*[mpf(a) for a in args])
    if truth == 0 or not mpf(10) ** -290 < abs(truth) < mpf(10) ** 308:
        return None
    if y != y or math.isinf(y):
        return math.inf
    return float(abs(y - truth) / (eps * abs(truth) * condition(f, args, truth)))


def of_inverse(f, args, y):
    if y != y or y == 0 or math.isinf(y):
        return None if y == 0 else math.inf
    if abs(y) < 1e-290 or f in ends_at_one and y > 0.9:
        return None
    p, known = mpf(args[-1]), [mpf(a) for a in args[:-1]]
    got = f(*known, mpf(y))
    h = mpf(10) ** -20
    moves = abs((f(*known, mpf(y) * (1 + h)) - got) / h)
    for i in range(len(known)):
        moved = [a * (1 + h if k == i else 1) for k, a in enumerate(known)]
        moves = max(moves, abs((f(*moved, mpf(y)) - got) / h))
    return float(abs(got - p) / (eps * max(moves, p)))


def inverse(name, f, point, peer_name):
    """The error of y = name(.., p) as that of f(.., y) against p."""
    return name, f, point, peer_name, of_inverse


# Name, truth, points, SciPy's name or None.
functions = [
    ("gamma", mpmath.gamma, at(lambda: draw.choice([log_between(1e-5, 170), -log_between(0.01, 100)])), "gamma"),
    ("lgamma", mpmath.loggamma, at(log_of(1e-10, 1e10)), "gammaln"),
    ("digamma", mpmath.digamma, at(log_of(1e-10, 1e10)), "psi"),
    ("trigamma", lambda x: mpmath.polygamma(1, x), at(log_of(1e-10, 1e6)), "polygamma"),
    ("beta", mpmath.beta, at(log_of(1e-5, 100), log_of(1e-5, 100)), "beta"),
    ("lbeta", lbeta, at(log_of(1e-5, 1e8), log_of(1e-5, 1e8)), "betaln"),
    ("stirling_error", stirling, at(log_of(1e-3, 1e6)), None),
    ("deviance", deviance, at(log_of(1e-2, 1e3), log_of(1e-2, 1e3)), None),
    ("erfcx", lambda x: mpmath.exp(x * x) * mpmath.erfc(x), at(wide), "erfcx"),
    ("ndtr", ndtr, at(wide), "ndtr"),
    ("log_ndtr", lambda x: mpmath.log(ndtr(x)) if x < 0 else mpmath.log1p(-ndtr(-x)), at(wide), "log_ndtr"),
    ("logit", lambda p: mpmath.log(p / (1 - p)), at(fraction), "logit"),
    ("log1mexp", lambda x: mpmath.log1p(-mpmath.exp(x)) if x < -1 else mpmath.log(-mpmath.expm1(x)), at(lambda: -log_between(1e-10, 700)), None),
    ("mish", lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))), at(wide), None),
    ("gammainc_p", lower, gamma_point, "gammainc"),
    ("gammainc_q", upper, gamma_point, "gammaincc"),
    ("betainc", inc, beta_point, "betainc"),
    ("betainc_c", inc_c, beta_point, "betaincc"),
    inverse("erfinv", mpmath.erf, at(lambda: draw.choice([-1, 1]) * fraction()), "erfinv"),
    inverse("erfcinv", mpmath.erfc, at(fraction), "erfcinv"),
    inverse("ndtri", ndtr, at(fraction), "ndtri"),
    inverse("gammainc_p_inv", lower, at(log_of(0.05, 1e3), fraction), "gammaincinv"),
    inverse("gammainc_q_inv", upper, at(log_of(0.05, 1e3), fraction), "gammainccinv"),
    inverse("betainc_inv", inc, at(log_of(0.05, 500), log_of(0.05, 500), fraction), "betaincinv"),
    inverse("betainc_c_inv", inc_c, at(log_of(0.05, 500), log_of(0.05, 500), fraction), "betainccinv"),
]

def ours(program, name, points, packed=list):
    lines = "".join(json.dumps({"f": name, "args": packed(p)}) + "\n" for p in points)
    out = subprocess.run([program, "eval", "--jsonl"], input=lines, capture_output=True, text=True, check=True)
    return [float(json.loads(line)["y"]) for line in out.stdout.splitlines()]


def scipys(name, points):
    if callable(name):
        return [float(name(*p)) for p in points]
    f = getattr(peer, name)
    with_order = (1,) if name == "polygamma" else ()
    return [float(f(*with_order, *p)) for p in points]


def worst(error, f, points, results):
    found = [(error(f, p, y), p) for p, y in zip(points, results)]
    return max((e for e in found if e[0] is not None), key=lambda e: e[0])


def shown(e):
    size = "wrong" if math.isinf(e[0]) else f"{e[0]:.3g}"
    return f"{size} | {', '.join(f'{x:.6g}' for x in e[1])}"


def main(rows):
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} PROGRAM [POINTS]")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    version = f"SciPy {scipy.__version__}" if peer else "SciPy"
    print(f"| function | worst, ours | at | worst, {version} | at |\n|---|---:|---|---:|---|")
    for name, f, point, peer_name, *rest in rows:
        error, *packed = rest or [of_value]
        points = [point() for _ in range(count)]
        line = f"| `{name}` | {shown(worst(error, f, points, ours(sys.argv[1], name, points, *packed)))} | "
        if peer_name is None:
            line += "has none | "
        elif peer is None:
            line += "not measured | "
        else:
            line += shown(worst(error, f, points, scipys(peer_name, points)))
        print(line + " |", flush=True)


if __name__ == "__main__":
    main(functions)
