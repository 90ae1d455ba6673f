"""Fields of an instruction word, as the tables of isa.py place them."""

from rtl.systolic.isa import Opcode, offset


class fields:
    """Slices of `word`, made when they are asked for; signed fields are slices too: use `.signed()`."""

    def __init__(self, word, opcode):
        self.word, self.opcode = word, Opcode(opcode)

    def __getitem__(self, name):
        low, width = offset(self.opcode, name)
        return self.word(low + width, low) if width > 1 else self.word(low)
