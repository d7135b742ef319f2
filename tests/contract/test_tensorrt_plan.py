"""How a plan is loaded and asked, against a library that only writes down what it is told.

What the real one makes of it needs a GPU: that is `make gpu-check`.
"""

import gc
import weakref

import pytest

from contract.engine_file import Profile
from contract.errors import EarshotError, UnavailableError
from contract.tensorrt_kept import PROFILES
from contract.tensorrt_plan import Plan, PlanError, profile_for, unsupported
from tests.contract.fake_tensorrt import CLASSES, INPUT, SAMPLES, STREAM, WIDTH, WORKSPACE, Library, trt

MANAGED = trt.ExecutionContextAllocationStrategy.USER_MANAGED
NAMES = ["tensorrt", "tensorrt_rtx"]


def plan_of(library: Library, experimental: str = "") -> Plan:
    return Plan(library.module(), b"plan", PROFILES, experimental)


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_is_asked_in_the_order_that_tensorrt_wants(name: str) -> None:
    library = Library(name)
    plan = plan_of(library)
    assert library.loaded == [b"plan"]
    assert (plan.samples, plan.input, plan.outputs) == (SAMPLES, INPUT, ("logits", "embedding"))
    context = plan.context(8, STREAM)
    assert (context.shape("logits"), context.shape("embedding")) == ((8, CLASSES), (8, WIDTH))
    for place, tensor in enumerate((*plan.outputs, plan.input)):
        context.bind(tensor, place)
    context.enqueue(STREAM)
    (told,) = library.contexts
    assert told.memory == trt.ExecutionContextAllocationStrategy.STATIC
    assert told.calls == [
        ("set_optimization_profile_async", (1, STREAM)),
        ("set_input_shape", (INPUT, (8, SAMPLES))),
        ("set_tensor_address", ("logits", 0)),
        ("set_tensor_address", ("embedding", 1)),
        ("set_tensor_address", (INPUT, 2)),
        ("execute_async_v3", (STREAM,)),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_contexts_may_share_the_memory_that_they_work_in(name: str) -> None:
    library = Library(name)
    plan = plan_of(library)
    assert plan.workspace_bytes == WORKSPACE
    for batch in (1, 8):
        plan.context(batch, STREAM, workspace=4096)
    for told in library.contexts:
        assert told.memory == MANAGED
        assert told.calls[0] == ("set_device_memory", (4096, WORKSPACE))


@pytest.mark.parametrize(
    ("refuses", "sentence"),
    [
        ("deserialize_cuda_engine", "does not load its own plan: the plan is of another age"),
        ("create_execution_context", "has no room for its plan: it gives no reason"),
        ("set_optimization_profile_async", 'refuses batches of 1: "set_optimization_profile_async"'),
        ("set_input_shape", "refuses batches of 1"),
        ("set_tensor_address", "takes no memory for waveform"),
        ("execute_async_v3", 'does not run its plan: "execute_async_v3"'),
    ],
)
def test_what_tensorrt_refuses_is_said_with_its_reason(refuses: str, sentence: str) -> None:
    library = Library(refuses={refuses})
    with pytest.raises(PlanError, match=sentence):
        run_once(library)
    with pytest.raises(UnavailableError, match="TensorRT for RTX does not support sm90"):
        run_once(Library("tensorrt_rtx", refuses={refuses}), "sm90")


def run_once(library: Library, experimental: str = "") -> None:
    plan = plan_of(library, experimental)
    context = plan.context(1, STREAM)
    for tensor in (plan.input, *plan.outputs):
        context.bind(tensor, 0)
    context.enqueue(STREAM)


def test_each_refusal_is_told_with_its_own_reason() -> None:
    library = Library(refuses={"set_input_shape"})
    plan = plan_of(library)
    with pytest.raises(PlanError, match="set_input_shape"):
        plan.context(1, STREAM)
    library.refuses = {"set_optimization_profile_async"}
    with pytest.raises(PlanError, match='batches of 1: "set_optimization_profile_async"'):
        plan.context(1, STREAM)


def test_a_plan_of_other_numbers_than_float32_is_refused() -> None:
    with pytest.raises(PlanError, match="must take and give float32"):
        plan_of(Library(dtype=trt.float16))


def test_an_output_of_unknown_size_is_refused() -> None:
    context = plan_of(Library(outputs={"logits": -1})).context(1, STREAM)
    with pytest.raises(PlanError, match="logits depends on what is heard"):
        context.shape("logits")


def test_a_context_keeps_its_plan_alive() -> None:
    """Weights are in the plan."""
    plan = plan_of(Library())
    context = plan.context(1, STREAM)
    seen = weakref.ref(plan)
    del plan
    gc.collect()
    assert seen() is not None
    assert context.shape(INPUT) == (1, SAMPLES)


@pytest.mark.parametrize(
    ("name", "capability", "architecture"),
    [("tensorrt", (9, 0), ""), ("tensorrt_rtx", (8, 6), ""), ("tensorrt_rtx", (9, 0), "sm90")],
)
def test_only_tensorrt_for_rtx_is_excused_and_only_from_other_gpus(
    name: str, capability: tuple[int, int], architecture: str
) -> None:
    assert unsupported(Library(name).module(), capability) == architecture


@pytest.mark.parametrize(("batch", "index"), [(1, 0), (2, 1), (8, 1), (32, 1)])
def test_each_batch_has_its_profile(batch: int, index: int) -> None:
    assert profile_for(batch, PROFILES) == index


def test_a_batch_without_a_profile_is_refused() -> None:
    with pytest.raises(PlanError, match="only of 1 to 1, 2 to 32"):
        profile_for(33, PROFILES)
    with pytest.raises(EarshotError):
        profile_for(3, (Profile(1, 1, 1), Profile(4, 8, 8)))
