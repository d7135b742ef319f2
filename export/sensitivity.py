"""Which layers pay for quantisation: each is quantised alone, and the answers are compared with those in float32."""

import numpy as np
import onnx
from numpy.typing import NDArray

from contract.bundle import OUTPUTS
from contract.manifest import LayerSensitivity
from export.int8 import with_quantised
from export.ranges import Ranges, Trunk, answers, features_of, network_of


def sensitivity(graph: onnx.ModelProto, ranges: Ranges, probe: NDArray[np.float32]) -> list[LayerSensitivity]:
    """What each layer costs on these waveforms [clips, samples], in the order in which the layers run."""
    spectrograms = features_of(graph, probe)
    network = network_of(graph)
    wanted = _logits(network, spectrograms)
    found = []
    for name, node in Trunk.of(network).layers.items():
        alone = _logits(with_quantised(network, ranges, {node.name}), spectrograms)
        delta = np.abs(alone - wanted)
        found.append(
            LayerSensitivity(
                layer=name,
                rms_delta=float(np.sqrt(np.square(delta).mean())),
                max_delta=float(delta.max()),
                changed=int((alone.argmax(1) != wanted.argmax(1)).sum()),
                windows=len(probe),
            )
        )
    return found


def _logits(network: onnx.ModelProto, spectrograms: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([values[OUTPUTS.index("logits")] for values in answers(network, spectrograms)])
