"""The shared library: what every service stands on, and no service's business.

Knows no service. Rooms: config, addresses, node, wire, asker, answerer, gather, refusal, bus, log, outbox,
db, migrate, ids, telemetry, client.
"""
