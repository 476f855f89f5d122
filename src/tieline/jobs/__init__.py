"""Loads, calls the engine, applies what follows. No logic of the business here.

worker.py   a worker process: listens, sweeps, holds targets        holding.py   one held target
chores.py   what comes round: clean-up                              beat.py      being seen alive, ending who hangs
"""
