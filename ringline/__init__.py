"""The shared library: what every service stands on, and no service's business.

Knows no service. Rooms: config, node, wire, asker, answerer, refusal, bus, log, outbox, db, migrate, ids,
telemetry, client.
"""
