"""What all GPUs share: arrays on a device, transfers, the optimizations that lift ops to it, launches."""
