"""tcore_cuda: the CUDA backend of tcore: generated CUDA C, compiled by NVRTC."""
