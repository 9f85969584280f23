"""What the engine refuses to answer."""


class ImpossibleEvidence(ValueError):
    """What was observed has probability zero; dividing by it would answer with NaN."""


class TooLarge(MemoryError):
    """The query would need more memory than it may use: the message says how much, for what, and a remedy."""
