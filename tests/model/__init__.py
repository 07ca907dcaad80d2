"""The model: every interleaving of a bounded call, explored.

The production side is real: `SignalingApi`, `Exchange`, `step`, `dial`, `view`, the anti-entropy and the
client's table (web/packages/client/src/call/table.json). What is modelled is what lies between: a store that
holds rows in memory (store.py), lines and screens (local.py, device.py, gestures.py), a network that delays,
reorders, repeats and loses (world.py, stage.py). `make model` explores what configurations.py names, looks at
properties.py after every move and at rest.py from every state, and hunts the mutants of mutants.py.
"""
