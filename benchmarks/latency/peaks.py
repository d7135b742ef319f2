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

COPIES = {size: f"bytes, {size >> 20} MiB at once" for size in (2**20, 2**22, 2**24, 2**26, 2**29)}
"""Beside the precisions: bytes read and written per second by copies that touch so many, from what caches hold to
what they do not, unless they are shared by many cores."""

_SIZES = (192, 256, 384, 512)
_GPU_SIZES = (2048, 4096, 8192)
_COPIED = 2**28
"""Bytes of one run, in as many copies as it takes: a run of one small copy would be all call."""
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
    """Products in float32 and in 8 bits, and copies, by so many threads."""
    random = np.random.default_rng(0)
    for size in _SIZES:
        left, right = random.standard_normal((2, size, size), np.float32)
        yield "float32", size**3, partial(np.matmul, left, right)
        yield "float32", size**3, _onnx_product("MatMul", left, right, threads)
        bytes_left = random.integers(0, 255, (size, size), np.uint8, endpoint=True)
        bytes_right = random.integers(-64, 64, (size, size), np.int8, endpoint=True)
        yield "int8", size**3, _onnx_product("MatMulInteger", bytes_left, bytes_right, threads)
    for touched, name in COPIES.items():
        yield name, 2 * _COPIED, _copies(touched // 2, threads)


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
    for touched, name in COPIES.items():
        here = torch.zeros(touched // 2, dtype=torch.uint8, device="cuda")
        there = torch.empty_like(here)
        yield name, 2 * _COPIED, waited(_again(partial(there.copy_, here), _COPIED // here.numel()))


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


def _copies(size: int, threads: int) -> Run:
    """Each thread copies a part."""
    here, there = np.zeros(size, np.uint8), np.ones(size, np.uint8)
    here[:] = 1  # its pages are had by writing
    bounds = np.linspace(0, size, threads + 1).astype(int).tolist()
    pieces = [slice(start, stop) for start, stop in pairwise(bounds)]
    runs = [_again(partial(np.copyto, there[piece], here[piece]), _COPIED // size) for piece in pieces]
    if threads == 1:
        return runs[0]
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda run: run(), runs))


def _again(run: Run, times: int) -> Run:
    def all_of_them() -> None:
        for _ in range(times):
            run()

    return all_of_them


if __name__ == "__main__":
    main()
