"""The learning loop as plain data and pure decisions: predictions, exercises, verdicts, ledger."""
