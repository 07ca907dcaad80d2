"""A cluster of one node, in network namespaces: what Kubernetes makes of the rendered manifests.

Pods are containers of the real image with their own network each; what is played, and what is not there at
all, is said in docs/harness.md.
"""
