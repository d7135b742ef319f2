"""Users of many kinds on a service, by Locust: what `benchmarks/locustfile.py` is made of."""
