"""What every regression came to, in one SQLite file that is only ever added to: trends, flakes, slow tests, gates."""
