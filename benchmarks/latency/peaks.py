"""What this machine can do at most: multiplications and bytes per second, measured. `python -m …peaks ORDER`.

One figure is the best of several sizes, for a peak is a bound: what is slower was disturbed, or too small. Products
of large matrices are the most that libraries get out of a core or a GPU: the engines' own is asked, and numpy's.
"""

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pace import in_seconds, repeated

BYTES = "bytes"
"""Beside the precisions: bytes read and written per second by a large copy."""

_SIZES = (192, 256, 384, 512)
_GPU_SIZES = (2048, 4096, 8192)
_COPIED = 2**28
"""Bytes: more than caches hold, unless they are shared by many cores."""
Run = Callable[[], Any]
Works = Iterator[tuple[str, float, Run]]
"""What it is a peak of, how much of it one run is, and the run."""


def main() -> None:
    """Say so when ready, then measure whenever asked to: so many seconds of each size."""
    order = json.loads(sys.argv[1])
    works = list(gpu_works() if order["gpu"] else cpu_works(order["threads"]))
    print(json.dumps(None), flush=True)
    for line in sys.stdin:
        print(json.dumps(best(works, json.loads(line))), flush=True)


def best(works: list[tuple[str, float, Run]], seconds: float) -> dict[str, float]:
    """The most of each that went through in a second."""
    found: dict[str, float] = {}
    for name, amount, run in works:
        fastest = min(repeated(run, in_seconds(seconds)))
        found[name] = max(found.get(name, 0.0), amount / fastest)
    return found


def cpu_works(threads: int) -> Works:
    """Products in float32 and in 8 bits, and a copy, by so many threads."""
    random = np.random.default_rng(0)
    for size in _SIZES:
        left, right = random.standard_normal((2, size, size), np.float32)
        yield "float32", size**3, partial(np.matmul, left, right)
        yield "float32", size**3, _onnx_product("MatMul", left, right, threads)
        bytes_left = random.integers(0, 255, (size, size), np.uint8, endpoint=True)
        bytes_right = random.integers(-64, 64, (size, size), np.int8, endpoint=True)
        yield "int8", size**3, _onnx_product("MatMulInteger", bytes_left, bytes_right, threads)
    yield BYTES, 2 * _COPIED, _copy(threads)


def gpu_works() -> Works:
    """The same on a GPU, without TF32, which no front end may use."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False

    def waited(run: Run) -> Run:
        def to_the_end() -> None:
            run()
            torch.cuda.synchronize()

        return to_the_end

    for size in _GPU_SIZES:
        for name, kind in (("float16", torch.float16), ("float32", torch.float32)):
            left, right = (torch.randn(size, size, device="cuda", dtype=kind) for _ in range(2))
            out = torch.empty_like(left)
            yield name, size**3, waited(partial(torch.matmul, left, right, out=out))
    here = torch.zeros(_COPIED, dtype=torch.uint8, device="cuda")
    there = torch.empty_like(here)
    yield BYTES, 2 * _COPIED, waited(partial(there.copy_, here))


def _onnx_product(kind: str, left: NDArray[Any], right: NDArray[Any], threads: int) -> Run:
    """As engines have it: the right factor is known when the graph is loaded."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8}
    given = helper.make_tensor_value_info("left", types[left.dtype], left.shape)
    gives = helper.make_tensor_value_info(
        "product", TensorProto.FLOAT if kind == "MatMul" else TensorProto.INT32, left.shape
    )
    node = helper.make_node(kind, ["left", "right"], ["product"])
    graph = helper.make_graph([node], "peak", [given], [gives], [numpy_helper.from_array(right, "right")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return partial(session.run, None, {"left": left})


def _copy(threads: int) -> Run:
    """Each thread copies a part."""
    here, there = np.zeros(_COPIED, np.uint8), np.ones(_COPIED, np.uint8)
    here[:] = 1  # its pages are had by writing
    if threads == 1:
        return partial(np.copyto, there, here)
    bounds = np.linspace(0, _COPIED, threads + 1).astype(int).tolist()
    pool = ThreadPoolExecutor(threads)
    pieces = [slice(start, stop) for start, stop in pairwise(bounds)]
    return lambda: list(pool.map(lambda piece: np.copyto(there[piece], here[piece]), pieces))


if __name__ == "__main__":
    main()
