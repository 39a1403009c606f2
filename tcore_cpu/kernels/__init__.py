"""From the loop IR to the C text of kernels."""
