"""Training of LINF from a folder of pictures; imports with torch, numpy, pillow and safetensors alone."""
