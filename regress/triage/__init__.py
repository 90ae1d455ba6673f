"""From a red regression to its causes: signatures, groups, known failures, and the first of each group with waves."""
