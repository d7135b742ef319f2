"""`earshot tune`: what suits a machine, found by loading the real service."""
