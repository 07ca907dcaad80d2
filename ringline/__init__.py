"""The shared library: what every service stands on, and no service's business.

Knows no service. Rooms: config, addresses, node, wire, asker, answerer, gather, refusal, bus, log, outbox,
db, migrate, ids, telemetry, client.
"""

import os

# gRPC's core writes lines of its own to stderr, where every line of ours is JSON.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
