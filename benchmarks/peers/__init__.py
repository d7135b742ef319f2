"""Other servers with the same model behind them, under the same load, judged by the same client.

Not here: the load and the figures, which are those of this room; here is only what is peculiar to peers.
"""
