#!/usr/bin/env python3
"""The worst error of every distribution's log-density, cdf, survival and quantile, ours beside
SciPy's, as the third table of docs/accuracy.md; what an error is, special_functions.py says. A
quantile of counts is right or wrong. Usage: distributions.py PROGRAM [POINTS]"""
import math

import mpmath
from mpmath import mpf

import special_functions as base
from special_functions import draw, fraction, inc, inc_c, log_between, lower, ndtr, peer, upper

log, exp, log1p, pi = mpmath.log, mpmath.exp, mpmath.log1p, mpmath.pi
stats = __import__("scipy.stats").stats if peer else None


def place():
    return draw.choice([-1, 1]) * log_between(1e-3, 1e3)


def scale():
    return log_between(1e-3, 1e3)


def standard(most=30.0):
    return draw.choice([-1, 1]) * log_between(1e-6, most)


def of_quantile(cdf, args, y):
    if cdf in base.ends_at_one and y > 0.9:
        return None
    return base.of_inverse(lambda *a: cdf(a[-1], *a[:-1]), (*args[1:], args[0]), y)


def of_count(cdf, args, k):
    """0 for the smallest count whose cdf is p or more, where 64 units of p decide nothing."""
    p, known = mpf(args[0]), [mpf(a) for a in args[1:]]
    reaches = cdf(mpf(k), *known) >= p * (1 - 64 * base.eps)
    return 0.0 if reaches and (k < 1 or cdf(mpf(k) - 1, *known) < p * (1 + 64 * base.eps)) else math.inf


class Law:
    """A distribution: truths of (x, parameters..), points, and SciPy's frozen law of the parameters."""

    def __init__(self, name, log_density, cdf, sf, parameters, at, scipys, counts=False):
        self.name, self.log_density, self.cdf, self.sf, self.counts = name, log_density, cdf, sf, counts
        self.parameters, self.at, self.scipys = parameters, at, scipys

    def point(self):
        known = self.parameters()
        return (self.at(*known), *known)

    def rows(self):
        mass = "logpmf" if self.counts else "logpdf"
        for function, truth, method in ((mass, self.log_density, mass), ("cdf", self.cdf, "cdf"), ("sf", self.sf, "sf")):
            yield f"{self.name}.{function}", truth, self.point, self.peers(method)
        if self.name == "beta":
            base.ends_at_one.append(self.cdf)
        yield f"{self.name}.quantile", self.cdf, lambda: (fraction(), *self.parameters()), self.peers("ppf"), of_count if self.counts else of_quantile

    def peers(self, method):
        return stats and (lambda x, *known: getattr(self.scipys(*known), method)(x))


def both(p):
    """cdf and sf of functions of z = (x - location) / scale, from the two tails at z."""
    low, high = p
    return (lambda x, m, s: low((x - m) / s)), (lambda x, m, s: high((x - m) / s))


def at_scale(most=30.0):
    return lambda m, s: m + s * standard(most)


def laplace_low(z):
    return exp(z) / 2 if z < 0 else 1 - exp(-z) / 2


def cauchy_low(z):
    return mpmath.atan2(1, -z) / pi


def student_low(z, v):
    tail = inc(v / 2, mpf(1) / 2, v / (v + z * z)) / 2
    return tail if z < 0 else 1 - tail


def student_log(x, v, m, s):
    z = (x - m) / s
    return mpmath.loggamma((v + 1) / 2) - mpmath.loggamma(v / 2) - log(v * pi) / 2 - log(s) - (v + 1) / 2 * log1p(z * z / v)


def gamma_log(x, a, b):
    return a * log(b) + (a - 1) * log(x) - b * x - mpmath.loggamma(a)


def beta_log(x, a, b):
    return (a - 1) * log(x) + (b - 1) * log1p(-x) - base.lbeta(a, b)


def f_log(x, p, q):
    return p / 2 * log(p / q) + (p / 2 - 1) * log(x) - (p + q) / 2 * log1p(p / q * x) - base.lbeta(p / 2, q / 2)


def binomial_log(k, n, p):
    return mpmath.log(mpmath.binomial(n, k)) + k * log(p) + (n - k) * log1p(-p)


def near(mean, spread):
    return max(0, math.floor(mean + spread * draw.uniform(-8, 8)))


def shape():
    return log_between(1e-2, 1e4)


ndtr_pair = both((ndtr, lambda z: ndtr(-z)))
gumbel_pair = both((lambda z: exp(-exp(-z)), lambda z: -mpmath.expm1(-exp(-z))))

laws = [
    Law("uniform", lambda x, a, b: -log(b - a), lambda x, a, b: (x - a) / (b - a), lambda x, a, b: (b - x) / (b - a),
        lambda: (lambda a: (a, a + scale()))(place()), lambda a, b: a + (b - a) * draw.random(),
        lambda a, b: stats.uniform(a, b - a)),
    Law("normal", lambda x, m, s: -((x - m) / s) ** 2 / 2 - log(s) - log(2 * pi) / 2, *ndtr_pair,
        lambda: (place(), scale()), at_scale(), lambda m, s: stats.norm(m, s)),
    Law("lognormal", lambda x, m, s: -((log(x) - m) / s) ** 2 / 2 - log(s * x) - log(2 * pi) / 2,
        lambda x, m, s: ndtr((log(x) - m) / s), lambda x, m, s: ndtr((m - log(x)) / s),
        lambda: (draw.uniform(-3, 3), log_between(0.01, 5)), lambda m, s: math.exp(m + s * standard(20)),
        lambda m, s: stats.lognorm(s, scale=math.exp(m))),
    Law("exponential", lambda x, r: log(r) - r * x, lambda x, r: -mpmath.expm1(-r * x), lambda x, r: exp(-r * x),
        lambda: (scale(),), lambda r: log_between(1e-8, 600) / r, lambda r: stats.expon(scale=1 / r)),
    Law("laplace", lambda x, m, s: -abs(x - m) / s - log(2 * s), *both((laplace_low, lambda z: laplace_low(-z))),
        lambda: (place(), scale()), at_scale(600), lambda m, s: stats.laplace(m, s)),
    Law("cauchy", lambda x, m, s: -log(pi * s) - log1p(((x - m) / s) ** 2), *both((cauchy_low, lambda z: cauchy_low(-z))),
        lambda: (place(), scale()), at_scale(1e12), lambda m, s: stats.cauchy(m, s)),
    Law("gumbel", lambda x, m, s: -(x - m) / s - exp((m - x) / s) - log(s), *gumbel_pair,
        lambda: (place(), scale()), lambda m, s: m + s * draw.choice([draw.uniform(-6, 6), log_between(1e-3, 600)]),
        lambda m, s: stats.gumbel_r(m, s)),
    Law("gamma", gamma_log, lambda x, a, b: lower(a, b * x), lambda x, a, b: upper(a, b * x),
        lambda: (shape(), scale()), lambda a, b: gamma_at(a) / b, lambda a, b: stats.gamma(a, scale=1 / b)),
    Law("chi2", lambda x, k: gamma_log(x, k / 2, mpf(1) / 2), lambda x, k: lower(k / 2, x / 2),
        lambda x, k: upper(k / 2, x / 2), lambda: (shape(),), lambda k: 2 * gamma_at(k / 2), lambda k: stats.chi2(k)),
    Law("beta", beta_log, lambda x, a, b: inc(a, b, x), lambda x, a, b: inc_c(a, b, x),
        lambda: (log_between(0.05, 500), log_between(0.05, 500)),
        lambda a, b: draw.choice([draw.uniform(0.01, 0.99), log_between(1e-8, 0.5)]),
        lambda a, b: stats.beta(a, b)),
    Law("studentt", student_log, lambda x, v, m, s: student_low((x - m) / s, v), lambda x, v, m, s: student_low((m - x) / s, v),
        lambda: (log_between(1, 1e3), place(), scale()), lambda v, m, s: m + s * standard(100),
        lambda v, m, s: stats.t(v, m, s)),
    Law("f", f_log, lambda x, p, q: inc(p / 2, q / 2, p * x / (p * x + q)), lambda x, p, q: inc(q / 2, p / 2, q / (p * x + q)),
        lambda: (log_between(0.5, 500), log_between(0.5, 500)), lambda p, q: log_between(0.05, 20), lambda p, q: stats.f(p, q)),
    Law("bernoulli", lambda k, p: log(p) if k else log1p(-p), lambda k, p: 1 - p if k < 1 else mpf(1),
        lambda k, p: p if k < 1 else mpf(0), lambda: (fraction(),), lambda p: draw.choice([0, 1]),
        lambda p: stats.bernoulli(p), True),
    Law("binomial", binomial_log, lambda k, n, p: inc(n - k, k + 1, 1 - p) if k < n else mpf(1),
        lambda k, n, p: inc(k + 1, n - k, p) if k < n else mpf(0),
        lambda: (round(log_between(1, 2000)), log_between(1e-3, 0.99)),
        lambda n, p: min(n, near(n * p, math.sqrt(n * p * (1 - p)))), lambda n, p: stats.binom(n, p), True),
    Law("poisson", lambda k, r: k * log(r) - r - mpmath.loggamma(k + 1), lambda k, r: upper(k + 1, r), lambda k, r: lower(k + 1, r),
        lambda: (log_between(1e-3, 1e4),), lambda r: near(r, math.sqrt(r)), lambda r: stats.poisson(r), True),
    Law("geometric", lambda k, p: (k - 1) * log1p(-p) + log(p), lambda k, p: -mpmath.expm1(k * log1p(-p)),
        lambda k, p: exp(k * log1p(-p)), lambda: (log_between(1e-6, 0.99),),
        lambda p: 1 + math.floor(log_between(1e-3, 100) / p), lambda p: stats.geom(p), True),
]


def gamma_at(a):
    return draw.choice([a * log_between(0.2, 5), abs(a + math.sqrt(a) * draw.uniform(-8, 8))])


def parts(n):
    cut = [log_between(0.01, 1) for _ in range(n)]
    return [c / sum(cut) for c in cut]


def normal_2d(x, y, m, n, a, b, c):
    u, v, det = x - m, y - n, a * c - b * b
    return -log(2 * pi) - log(det) / 2 - (c * u * u - 2 * b * u * v + a * v * v) / (2 * det)


def dirichlet(x, y, z, a, b, c):
    norm = mpmath.loggamma(a) + mpmath.loggamma(b) + mpmath.loggamma(c) - mpmath.loggamma(a + b + c)
    return (a - 1) * log(x) + (b - 1) * log(y) + (c - 1) * log(z) - norm


def multinomial(i, j, k, n, p, q, r):
    ways = mpmath.factorial(n) / (mpmath.factorial(i) * mpmath.factorial(j) * mpmath.factorial(k))
    return log(ways) + i * log(p) + j * log(q) + k * log(r) - n * log(p + q + r)


def normal_2d_at():
    a, c = scale(), scale()
    return (*(place() for _ in range(4)), a, draw.uniform(-0.9, 0.9) * math.sqrt(a * c), c)


def multinomial_at():
    counts = [round(log_between(0.1, 300)) for _ in range(3)]
    return (*counts, sum(counts), *parts(3))


# Of vectors, the log-density; the points are flat.
vectors = [
    ("mvn.logpdf", normal_2d, normal_2d_at,
     stats and (lambda x, y, m, n, a, b, c: stats.multivariate_normal([m, n], [[a, b], [b, c]]).logpdf([x, y])),
     base.of_value, lambda p: [p[:2], p[2:4], [p[4:6], p[5:7]]]),
    ("dirichlet.logpdf", dirichlet, lambda: (*parts(3), *(log_between(0.05, 500) for _ in range(3))),
     stats and (lambda *p: stats.dirichlet(p[3:]).logpdf(p[:3])), base.of_value, lambda p: [p[:3], p[3:]]),
    ("categorical.logpmf", lambda k, p, q, r: log((p, q, r)[int(k)] / (p + q + r)), lambda: (draw.randrange(3), *parts(3)),
     None, base.of_value, lambda p: [p[0], p[1:]]),
    ("multinomial.logpmf", multinomial, multinomial_at,
     stats and (lambda *p: stats.multinomial(p[3], p[4:]).logpmf(p[:3])), base.of_value, lambda p: [p[:3], p[3], p[4:]]),
]

if __name__ == "__main__":
    base.main([row for law in laws for row in law.rows()] + vectors)
