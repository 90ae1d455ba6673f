"""Names of the states of the sequencers, in the order of their encoding. Plain data: standard library only."""

CONTROL = ("IDLE", "HEADER", "ADD", "CHECK", "BEGIN", "RUN", "NEXT", "DRAIN", "HALTED")
LOADING = ("IDLE", "HEADER", "ADD", "CHECK", "BEGIN", "LOAD", "HALTED")
