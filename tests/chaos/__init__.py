"""`make chaos`: faults in turn, while a fleet of scripted devices calls through real gateways; then a checker
reads what every client asked and saw, and what Postgres and the event log hold, and decides.

`story.py` is what is written down, `checker.py` judges it and knows nothing of how it was made;
`installation.py`, `servers.py` and `passage.py` are what is broken, `faults.py` breaks it, `fleet.py`,
`device.py` and `media.py` are who calls. docs/reliability.md has the results.
"""
