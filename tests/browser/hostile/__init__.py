"""A real page between its user and a server and a peer that mean harm.

The page, its sign-in and everything but the call are real; its WebSocket is spoken by `server.py`, the other
end of the media by `peer.py`, a page with real connections. `story.py` makes up what happens, from a seed;
`judge.py` looks at what really leaves the device; `run.py` tells the stories: `run(open_scene, seeds)`.
"""
