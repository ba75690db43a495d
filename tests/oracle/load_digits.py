#!/usr/bin/env python3
"""Trains gradus and scikit-learn's MLPClassifier on scikit-learn's load_digits, the same split and
the same network (64-128-10), as CSV and as IDX; both accuracies must lie within one point.
Needs python3-sklearn. Usage: load_digits.py PROGRAM"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler


def write_csv(path, x, y):
    header = ",".join([f"p{i}" for i in range(x.shape[1])] + ["digit"])
    np.savetxt(path, np.column_stack([x, y]), fmt="%d", delimiter=",", header=header, comments="")


def write_idx(path, a):
    with open(path, "wb") as f:
        f.write(struct.pack(">BBBB", 0, 0, 8, a.ndim))
        f.write(struct.pack(f">{a.ndim}I", *a.shape))
        f.write(a.astype(np.uint8).tobytes())


def main():
    program = sys.argv[1]
    warnings.simplefilter("ignore")
    x, y = load_digits(return_X_y=True)
    worst = 0
    for seed in range(3):
        xa, xb, ya, yb = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=y)
        scale = StandardScaler().fit(xa)
        net = MLPClassifier((128,), learning_rate_init=1e-3, batch_size=64, max_iter=60, random_state=seed)
        net.fit(scale.transform(xa), ya)
        peer = net.score(scale.transform(xb), yb)
        with tempfile.TemporaryDirectory() as folder:
            d = pathlib.Path(folder)
            write_csv(d / "a.csv", xa, ya)
            write_csv(d / "b.csv", xb, yb)
            write_idx(d / "xa.idx", xa.reshape(-1, 8, 8))
            write_idx(d / "ya.idx", ya)
            write_idx(d / "xb.idx", xb.reshape(-1, 8, 8))
            write_idx(d / "yb.idx", yb)
            settings = ["--epochs", "60", "--batch", "64", "--seed", str(seed), "--quiet", "--json", "--progress", "none"]
            run = lambda *words: json.loads(subprocess.run([program, *words], check=True, capture_output=True).stdout)
            run("train", str(d / "a.csv"), "--label", "digit", "--val", "0", "--out", str(d / "csv"), *settings)
            csv = run("eval", str(d / "csv"), str(d / "b.csv"), "--json")["accuracy"]
            run("train", str(d / "xa.idx"), "--labels", str(d / "ya.idx"), "--val", "0", "--out", str(d / "idx"), *settings)
            idx = run("eval", str(d / "idx"), str(d / "xb.idx"), "--labels", str(d / "yb.idx"), "--json")["accuracy"]
        print(f"seed {seed}: scikit-learn {peer:.4f}, gradus from CSV {csv:.4f}, from IDX {idx:.4f}")
        worst = max(worst, peer - csv, peer - idx)
    print(f"largest shortfall {100 * worst:.2f} points")
    return 0 if worst <= 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
