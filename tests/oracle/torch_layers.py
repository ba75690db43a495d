"""PyTorch's layers and losses, forward and backward, in f64: the file tests/torch/layers.safetensors.

  torch_layers.py --write    makes the file anew
  torch_layers.py [PROGRAM]  checks that PyTorch still says what the file holds

A case NAME has NAME/x..., NAME/param.NAME, NAME/y, NAME/grad.x..., NAME/grad.NAME: gradients of
sum(y * seed), where seed holds cos(1), cos(2), ... in row-major order.
"""
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import state_file

FILE = Path(__file__).parent.parent / "torch" / "layers.safetensors"
torch.set_default_dtype(torch.float64)
out = {}


def seed_of(y):
    return torch.cos(torch.arange(1, y.numel() + 1, dtype=y.dtype)).reshape(y.shape)


def fresh(*shape, at=0):
    """Numbers without ties, the same in every run."""
    g = torch.Generator().manual_seed(1000 + at + sum(shape))
    return torch.randn(*shape, generator=g)


def case(name, module, *inputs, call=None, train=False, steps=1):
    torch.manual_seed(sum(map(ord, name)))
    if isinstance(module, nn.Module):
        for p in module.parameters():
            with torch.no_grad():
                p.copy_(torch.randn_like(p) * 0.4 + 0.05)
        module.train(train)
        for key, value in module.state_dict().items():
            out[f"{name}/param.{key}"] = value.clone()
    xs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    for _ in range(steps):
        for x in xs:
            x.grad = None
        y = call(module, *xs) if call else module(*xs)
        ys = y if isinstance(y, tuple) else (y,)
        if isinstance(module, nn.Module):
            module.zero_grad()
        sum((t * seed_of(t)).sum() for t in ys).backward()
    for i, x in enumerate(inputs):
        out[f"{name}/x{i}"] = x
        if x.is_floating_point():
            out[f"{name}/grad.x{i}"] = xs[i].grad.clone() if xs[i].grad is not None else torch.zeros_like(x)
    for i, t in enumerate(ys):
        out[f"{name}/y{i}"] = t.detach()
    if isinstance(module, nn.Module):
        for key, p in module.named_parameters():
            if p.grad is not None:
                out[f"{name}/grad.{key}"] = p.grad.clone()
        for key, b in module.named_buffers():
            out[f"{name}/after.{key}"] = b.clone()


case("linear", nn.Linear(5, 3), fresh(4, 5))
case("conv1d", nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), fresh(2, 4, 11))
case("conv2d", nn.Conv2d(2, 4, (3, 2)), fresh(2, 2, 6, 5))
case("conv2d_strided", nn.Conv2d(4, 6, 3, stride=(2, 1), padding=(1, 2), groups=2), fresh(2, 4, 7, 5))
case("conv2d_dilated", nn.Conv2d(3, 3, 3, dilation=2, padding=2, groups=3, bias=False), fresh(1, 3, 6, 6))
case("conv_transpose1d", nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), fresh(2, 4, 5))
case("conv_transpose2d", nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1), fresh(2, 3, 4, 3))
case("max_pool2d", nn.MaxPool2d(3, stride=2, padding=1), fresh(2, 2, 7, 6))
case("max_pool2d_ceil", nn.MaxPool2d(2, stride=2, ceil_mode=True), fresh(1, 2, 5, 7))
case("avg_pool2d", nn.AvgPool2d(3, stride=2, padding=1), fresh(2, 2, 7, 6))
case("avg_pool2d_inside", nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), fresh(1, 2, 7, 6))
case("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((3, 2)), fresh(2, 2, 7, 5))
case("adaptive_max_pool2d", nn.AdaptiveMaxPool2d((3, 2)), fresh(2, 2, 7, 5))
case("batch_norm1d", nn.BatchNorm1d(4), fresh(5, 4), train=True, steps=2)
case("batch_norm2d", nn.BatchNorm2d(3), fresh(2, 3, 4, 3), train=True)
evaluating = nn.BatchNorm2d(3)
evaluating.running_mean.copy_(fresh(3))
evaluating.running_var.copy_(fresh(3).abs() + 0.5)
case("batch_norm2d_eval", evaluating, fresh(2, 3, 4, 3))
case("layer_norm", nn.LayerNorm(6), fresh(3, 4, 6))
case("group_norm", nn.GroupNorm(2, 6), fresh(2, 6, 3, 2))
case("instance_norm", nn.GroupNorm(4, 4), fresh(2, 4, 5))
case("embedding", nn.Embedding(7, 3, padding_idx=2), torch.tensor([[0, 2, 6], [6, 1, 0]]))
for kind in ("RNN", "LSTM", "GRU"):
    make = getattr(nn, kind)
    case(kind.lower(), make(3, 4, batch_first=True), fresh(2, 5, 3), call=lambda m, x: m(x)[0])
    deep = make(3, 4, num_layers=2, bidirectional=True, batch_first=True)

    def packed(m, x, lengths=torch.tensor([5, 3, 1])):
        p = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        y, last = m(p)
        y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
        return (y, *(last if isinstance(last, tuple) else (last,)))

    case(kind.lower() + "_deep_packed", deep, fresh(3, 5, 3), call=packed)
case("rnn_relu", nn.RNN(3, 4, nonlinearity="relu", batch_first=True), fresh(2, 5, 3), call=lambda m, x: m(x)[0])
mha = nn.MultiheadAttention(8, 2, batch_first=True)
causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
case("attention_self", mha, fresh(2, 5, 8), call=lambda m, x: m(x, x, x, need_weights=False)[0])
case("attention_causal", mha, fresh(2, 5, 8), call=lambda m, x: m(x, x, x, attn_mask=causal, need_weights=False)[0])
case("attention_padded", mha, fresh(2, 5, 8), call=lambda m, x: m(x, x, x, key_padding_mask=padding, need_weights=False)[0])
case("attention_weights", mha, fresh(2, 5, 8), call=lambda m, x: m(x, x, x)[1])
case("attention_cross", mha, fresh(2, 4, 8), fresh(2, 5, 8, at=7), call=lambda m, q, k: m(q, k, k, need_weights=False)[0])
case("attention_kv", nn.MultiheadAttention(8, 2, kdim=6, vdim=3, batch_first=True), fresh(2, 4, 8), fresh(2, 5, 6), fresh(2, 5, 3),
     call=lambda m, q, k, v: m(q, k, v, need_weights=False)[0])
for first in (False, True):
    word = "pre" if first else "post"
    # In training mode with dropout 0: the fused path of evaluation has no gradients.
    case(f"encoder_layer_{word}", nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu" if first else "relu", batch_first=True, norm_first=first),
         fresh(2, 5, 8), train=True)
    case(f"decoder_layer_{word}", nn.TransformerDecoderLayer(8, 2, 12, 0.0, batch_first=True, norm_first=first), fresh(2, 5, 8),
         fresh(2, 4, 8, at=3), train=True, call=lambda m, x, memory: m(x, memory, tgt_mask=causal))
case("transformer", nn.Transformer(8, 2, 1, 1, 12, 0.0, batch_first=True), fresh(2, 4, 8), fresh(2, 5, 8, at=3), train=True,
     call=lambda m, s, t: m(s, t, tgt_mask=causal))

z, w = fresh(5, 4), fresh(5, 4, at=1)
classes = torch.tensor([0, 3, 1, 1, 2])
weights = torch.tensor([1.0, 0.5, 2.0, 0.25])
probs = torch.softmax(w, -1)
signs = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0])
for how in ("mean", "sum", "none"):
    case(f"mse_{how}", F.mse_loss, z, w, call=lambda f, a, b: f(a, b, reduction=how))
    case(f"mae_{how}", F.l1_loss, z, w, call=lambda f, a, b: f(a, b, reduction=how))
    case(f"huber_{how}", F.huber_loss, z, w, call=lambda f, a, b: f(a, b, reduction=how, delta=0.7))
    case(f"cross_entropy_{how}", F.cross_entropy, z, call=lambda f, a: f(a, classes, reduction=how))
    case(f"cross_entropy_full_{how}", F.cross_entropy, z,
         call=lambda f, a: f(a, classes, weight=weights, ignore_index=3, label_smoothing=0.1, reduction=how))
    case(f"cross_entropy_soft_{how}", F.cross_entropy, z, call=lambda f, a: f(a, probs, reduction=how))
    case(f"nll_{how}", F.nll_loss, z, call=lambda f, a: f(F.log_softmax(a, -1), classes, reduction=how))
    case(f"bce_{how}", F.binary_cross_entropy_with_logits, z, call=lambda f, a: f(a, probs, reduction=how))
    case(f"kl_{how}", F.kl_div, z, call=lambda f, a: f(F.log_softmax(a, -1), probs, reduction=how))
    case(f"hinge_{how}", F.multi_margin_loss, z, call=lambda f, a: f(a, classes, reduction=how))
    case(f"cosine_{how}", F.cosine_embedding_loss, z, w, call=lambda f, a, b: f(a, b, signs, margin=0.2, reduction=how))
    case(f"triplet_{how}", F.triplet_margin_loss, z, w, fresh(5, 4, at=2), call=lambda f, a, b, c: f(a, b, c, margin=2.0, reduction=how))
case("info_nce", F.cross_entropy, z, w,
     call=lambda f, a, b: f(F.normalize(a) @ F.normalize(b).T / 0.5, torch.arange(5)))
out["loss/classes"], out["loss/weights"], out["loss/probs"], out["loss/signs"] = classes, weights, probs, signs


def check():
    stored = state_file.read(FILE)
    assert list(stored) == list(out), "the cases of the file are not those of this script: --write"
    worst = max(float((stored[key] - x.detach()).abs().max()) for key, x in out.items() if x.numel())
    print(f"torch_layers: {len(out)} tensors, PyTorch {torch.__version__}, largest difference {worst:.1e}")
    assert worst < 1e-12


state_file.write(FILE, out) if "--write" in sys.argv else check()
