"""Properties of the call on the real thing: random commands, and what must be so whatever comes of them.

history.py is what was asked, seen and kept; checker.py decides the properties of it; town.py is the
installation, gateway.py what stands in for the gateways, script.py what hypothesis makes up, play.py how it
is done, and the races are what happens in the same millisecond.
"""
