"""Everything that views compute: folds over events, and pictures as plain data. No widget here."""
