"""Networks only: tensors in, tensors out; reading and writing of checkpoints."""
