"""Live audio: sound goes in as it is heard, its name comes out with every hop."""
