"""A model of three classes that hears four samples at once."""

from service.model import ServedModel

MODEL = ServedModel(
    name="ears",
    version="3",
    labels=("dog", "rooster", "rain"),
    sample_rate=8,
    window_samples=4,
    temperature=1.0,
    graphs=(),
)
