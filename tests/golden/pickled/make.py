"""Writes pytorch_model.bin as torch.save does since 1.6, without PyTorch: two weights in their old names."""

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
rebuild = types.FunctionType((lambda *_: None).__code__, {}, "_rebuild_tensor_v2")
rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, rebuild
sys.modules.update({"torch": torch, "torch._utils": utils})


class Storage:
    def __init__(self, key, count):
        self.key, self.count = key, count


class Tensor:
    def __init__(self, key, shape):
        self.key, self.shape = key, shape

    def __reduce__(self):
        count = 1
        for size in self.shape:
            count *= size
        strides = (self.shape[1], 1) if len(self.shape) == 2 else (1,)
        return rebuild, (Storage(self.key, count), 0, self.shape, strides, False, OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            return "storage", FloatStorage, value.key, "cpu", value.count
        return None


weights = OrderedDict()
weights["bert.embeddings.LayerNorm.gamma"] = Tensor("0", (3,))
weights["bert.embeddings.word_embeddings.weight"] = Tensor("1", (2, 3))
pickled = io.BytesIO()
Pickler(pickled, protocol=2).dump(weights)
with zipfile.ZipFile("pytorch_model.bin", "w", zipfile.ZIP_STORED) as archive:
    for name, content in [
        ("data.pkl", pickled.getvalue()),
        ("data/0", struct.pack("<3f", 1, 2, 3)),
        ("data/1", struct.pack("<6f", 0, 1, 2, 3, 4, 5)),
        ("version", b"3\n"),
    ]:
        archive.writestr(zipfile.ZipInfo(f"archive/{name}"), content)
