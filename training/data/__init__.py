"""Sounds on disk: what is in a data set, how it is split, and the cache that training reads.

`dataset` says which clips there are, `splits` who may learn from which, `cache` decodes each clip once,
`quality` reports what is wrong with them, `esc50` fetches the data set from its home.
"""
