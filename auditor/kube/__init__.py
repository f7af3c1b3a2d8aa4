"""The vocabulary of Kubernetes: kinds, Pod templates, selectors, quantities, images, secrets, and what stands around an object. Pure."""
