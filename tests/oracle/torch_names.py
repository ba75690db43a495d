"""What we write loads into PyTorch under the same names, strictly, and gives the same outputs.

  torch_names.py PROGRAM  PROGRAM is build/release/gradus; beside it, tests/pytorch_example

Two checks, both to 1e-5 of the largest number. The modules of docs/pytorch.md, as they stand there, take
the files and inputs of examples/pytorch.cpp. Runs of `gradus train`, and a checkpoint of one, go through
`gradus convert`, and the same modules answer as `gradus predict --every-class` does.
"""
import json
import re
import struct
import subprocess
import sys
import tempfile
import tomllib
import types
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

ROOT = Path(__file__).parent.parent.parent
PROGRAM = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/gradus").resolve()
KINDS = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "BOOL": np.bool_}


def load_file(path):
    """safetensors.torch.load_file; Debian has no such package."""
    raw = Path(path).read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    found = {}
    for key, e in json.loads(raw[8:8 + size]).items():
        if key != "__metadata__":
            low, high = (8 + size + at for at in e["data_offsets"])
            found[key] = torch.from_numpy(np.frombuffer(raw[low:high], KINDS[e["dtype"]]).reshape(e["shape"]).copy())
    return found


safetensors = types.SimpleNamespace(torch=types.SimpleNamespace(load_file=load_file))


def pairs():
    """The page's Python: what comes first, then a section for each architecture."""
    parts = re.split(r"^## ([\w-]+)", (ROOT / "docs/pytorch.md").read_text(), flags=re.MULTILINE)
    python = [re.findall(r"```python\n(.*?)```", p, flags=re.DOTALL) for p in parts[::2]]
    names = {"torch": torch, "torchvision": torchvision, "nn": nn, "F": F}
    exec(python[0][0].replace("import safetensors.torch\n", ""), {**names, "safetensors": safetensors}, names)
    for name, blocks in zip(parts[1::2], python[1:]):
        assert len(blocks) == 1, name
        own = dict(names)
        exec(blocks[0], own)
        yield name, own
def compare(what, got, want):
    worst = float((got - want).abs().max() / want.abs().max().clamp(min=1))
    print(f"torch_names: {what}, largest difference {worst:.1e}")
    assert got.shape == want.shape and worst < 1e-5, what


def gradus(*words):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"gradus {' '.join(map(str, words))}: {done.stdout}{done.stderr}"
    return done.stdout


def check_page(folder):
    subprocess.run([PROGRAM.parent / "tests/pytorch_example", folder], check=True, capture_output=True)
    modules = {}
    for name, own in pairs():
        model = modules[name] = own["load"](own["model"], folder / f"{name}.safetensors")
        given = load_file(folder / f"{name}-given.safetensors")
        want = given.pop("y")
        look = own.get("look", lambda model, *inputs: model(*inputs))
        compare(name, look(model, *given.values()), want)
    written = {p.name for p in folder.glob("*.safetensors")}
    assert written == {f"{n}{end}.safetensors" for n in modules for end in ("", "-given")}, written
    return modules


def check_run(folder, name, model, words, channels, side, source="run"):
    """Our probabilities of rows of pixels, and those of PyTorch."""
    run = folder / f"run-{name}"
    gradus("train", *words, "--seed", 3, "--quiet", "--out", run)
    if source != "run":
        source = max((run / "checkpoints").glob("*.safetensors"), key=lambda p: int(p.stem[5:]))
    file = folder / f"{name}-run.safetensors"
    gradus("convert", run if source == "run" else source, "--to", "torch-names", file)
    model.load_state_dict(load_file(file))
    model.eval()
    rows = np.random.default_rng(1).uniform(0, 1, (6, channels * side * side)).astype(np.float32)
    np.save(folder / "rows.npy", rows)
    answers = json.loads(gradus("predict", run, folder / "rows.npy", "--every-class", "--json"))
    scaling = tomllib.loads((run / "run.toml").read_text())["scaling"]
    x = (rows - np.array(scaling["mean"])) / np.array(scaling["scale"])
    x = torch.tensor(x, dtype=torch.float32)
    if side > 8:
        x = x.reshape(-1, channels, side, side)
    compare(f"{name} by convert", model(x).softmax(-1), probabilities(answers))


def probabilities(answers):
    return torch.tensor([a["probabilities"] for a in answers])


with tempfile.TemporaryDirectory() as at, torch.no_grad():
    folder = Path(at)
    modules = check_page(folder)
    check_run(folder, "mlp", modules["mlp"], ["mlp-digits", "--epochs", 1], 1, 8)
    check_run(folder, "lenet5", modules["lenet5"], ["lenet5", "--epochs", 1, "--examples", 2000], 1, 28)
    check_run(folder, "resnet20", modules["resnet20"], ["resnet20", "--epochs", 1, "--examples", 256], 3, 32)
    vit = modules["vit"]
    vit.conv_proj = nn.Conv2d(1, 64, 7, 7)
    check_run(folder, "vit", vit, ["vit-digits", "--epochs", 1, "--examples", 500, "--average", "ema"], 1, 28, "checkpoint")
