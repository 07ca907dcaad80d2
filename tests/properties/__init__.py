"""Properties of the call on the real thing: random commands, and what must be so whatever comes of them.

history.py is what was asked, seen and kept; checker.py decides the properties of it, waiting.py those of a
call that waits. town.py is the installation, gateway.py what stands in for the gateways, stage.py the people
of a scene. script.py is what hypothesis makes up, player.py what a step does, play.py how an act is played to
its end, machine.py rounds of acts, and races.py what happens in the same millisecond.
"""
