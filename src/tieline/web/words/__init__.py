"""The words of codes: rows, errors and services keep codes with parameters, people read sentences.

say(reason)        one code in the reader's language; numbers, times, roles, results as people write them
because(reason)    the same behind "because"
next_step(reason)  what to do about it, and where
"""

from tieline.web.words.say import Step, because, next_step, say

__all__ = ["Step", "because", "next_step", "say"]
