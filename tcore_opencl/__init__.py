"""tcore_opencl: the OpenCL backend of tcore: generated OpenCL C, run through pyopencl."""
