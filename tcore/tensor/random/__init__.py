"""Random numbers: NumPy's generator as values of a graph, MRG31k3p, and Philox, which counts instead of remembering."""
