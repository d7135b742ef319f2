"""How long every engine and precision of this machine takes for one bundle, and how long it has to take at least."""
