"""Reads what a service tells Prometheus."""

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.service.process import Process


def scraped(server: Process) -> dict[str, Metric]:
    """All of it, by name."""
    text = server.client.get("/metrics").text
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    """Of the one sample with this name and these labels."""
    (found,) = [
        each.value
        for family in families.values()
        for each in family.samples
        if each.name == sample and each.labels == labels
    ]
    return found
