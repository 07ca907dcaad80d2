"""Hostile clients: what those send who mean harm, and the judge of what it does to everybody else.

parsers.py names everything that reads a stranger's bytes, fuzz.py feeds it; wire.py, raw.py and the attacks
speak to a running installation (siege.py) over real sockets; judge.py says whether it came through.
"""
