"""The safetensors files of tests/torch, for the scripts beside this one: names and tensors in order."""
import json
import struct

import numpy as np
import torch

KINDS = {"float64": "F64", "float32": "F32", "int64": "I64"}


def write(path, tensors):
    header, parts, at = {}, [], 0
    for key, x in tensors.items():
        a = np.array(x.detach().numpy(), order="C")
        header[key] = {"dtype": KINDS[a.dtype.name], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        parts.append(a.tobytes())
        at += a.nbytes
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(parts))


def read(path):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    names = {short: long for long, short in KINDS.items()}
    found = {}
    for key, e in json.loads(raw[8:8 + size]).items():
        low, high = (8 + size + at for at in e["data_offsets"])
        found[key] = torch.from_numpy(np.frombuffer(raw[low:high], names[e["dtype"]]).reshape(e["shape"]).copy())
    return found
