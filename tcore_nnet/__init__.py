"""tcore_nnet: neural-network ops for tcore, mounted as tcore.tensor.nnet."""
