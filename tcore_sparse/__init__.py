"""tcore_sparse: sparse matrices for tcore: types and ops on scipy.sparse."""
