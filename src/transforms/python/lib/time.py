# A call does not wait: the clock stands still while it computes, and its time is limited.
from _frozen import names_of

globals().update(names_of("time"))


def sleep(seconds):
    pass


sleep_ms = sleep_us = sleep
