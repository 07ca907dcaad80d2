"""What a call costs: CPU per call, ring latency, memory per idle line. See docs/bench.md."""
