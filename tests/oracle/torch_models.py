"""Whole models as PyTorch writes them, and what it answers: tests/torch/models-NAME.safetensors.

  torch_models.py --write    makes the files anew
  torch_models.py [PROGRAM]  checks that PyTorch still says what the files hold

A file is the state_dict under its own names, f32, and beside it given.x and given.y: input and output.
"""
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import state_file

FOLDER = Path(__file__).parent.parent / "torch"


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class BasicBlock(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
        self.downsample = None
        if stride > 1 or a != b:
            self.downsample = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + (x if self.downsample is None else self.downsample(x)))


class ResNet20(nn.Module):
    """He 2016, section 4.2, at a quarter of its width: 4, 8, 16 channels."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4)
        a = 4
        for s, b in enumerate((4, 8, 16)):
            blocks = [BasicBlock(a if i == 0 else b, b, 2 if i == 0 and s > 0 else 1) for i in range(3)]
            setattr(self, f"layer{s + 1}", nn.Sequential(*blocks))
            a = b
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class Conv1D(nn.Module):
    """y = x W + b with W stored (in, out), as GPT-2 was published."""

    def __init__(self, a, b):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(a, b) * 0.2), nn.Parameter(torch.randn(b) * 0.1)

    def forward(self, x):
        return x @ self.weight + self.bias


class Block(nn.Module):
    def __init__(self, e, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(e), nn.LayerNorm(e)
        self.attn = nn.ModuleDict({"c_attn": Conv1D(e, 3 * e), "c_proj": Conv1D(e, e)})
        self.mlp = nn.ModuleDict({"c_fc": Conv1D(e, 4 * e), "c_proj": Conv1D(4 * e, e)})

    def forward(self, x):
        n, t, e = x.shape
        q, k, v = (p.view(n, t, self.heads, -1).transpose(1, 2) for p in self.attn["c_attn"](self.ln_1(x)).split(e, 2))
        scores = q @ k.transpose(2, 3) / (e // self.heads) ** 0.5
        scores = scores.masked_fill(torch.ones(t, t).triu(1).bool(), float("-inf"))
        x = x + self.attn["c_proj"]((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, e))
        h = self.mlp["c_fc"](self.ln_2(x))
        h = 0.5 * h * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (h + 0.044715 * h**3)))
        return x + self.mlp["c_proj"](h)


class Gpt(nn.Module):
    def __init__(self, vocabulary=20, context=12, e=16, heads=2, layers=2):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, e), nn.Embedding(context, e)
        self.h = nn.ModuleList(Block(e, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(e)
        self.lm_head = nn.Linear(e, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def made(name):
    torch.manual_seed(6)
    model = {"lenet5": LeNet5, "resnet20": ResNet20, "gpt": Gpt}[name]()
    if name == "gpt":
        return model, torch.randint(20, (2, 9))
    x = torch.randn(2, 1, 28, 28) if name == "lenet5" else torch.randn(2, 3, 32, 32)
    model.train()
    with torch.no_grad():
        for _ in range(3):  # running statistics that are not 0 and 1
            model(torch.randn_like(x).repeat(4, 1, 1, 1) * 1.5 + 0.3)
    return model.eval(), x


def contents(name):
    model, x = made(name)
    with torch.no_grad():
        return model, {**model.state_dict(), "given.x": x, "given.y": model(x)}


for name in ("lenet5", "resnet20", "gpt"):
    path = FOLDER / f"models-{name}.safetensors"
    model, tensors = contents(name)
    if "--write" in sys.argv:
        state_file.write(path, tensors)
        continue
    stored = state_file.read(path)
    x, y = stored.pop("given.x"), stored.pop("given.y")
    model.load_state_dict(stored)  # strict
    with torch.no_grad():
        worst = float((model(x) - y).abs().max())
    print(f"torch_models: {name}, {len(stored)} tensors, PyTorch {torch.__version__}, largest difference {worst:.1e}")
    assert worst < 1e-5
