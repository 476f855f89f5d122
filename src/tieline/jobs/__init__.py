"""Loads, calls the engine, applies what follows. No logic of the business here.

worker.py   a worker process: listens, sweeps, holds targets        holding.py   one held target
pairing.py  pairs that are kept the same                        feeds.py     whether systems still tell of changes
chores.py   what comes round: clean-up                              beat.py      being seen alive, ending who hangs
"""
