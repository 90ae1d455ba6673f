"""Waves: a layer's FST, read back by name and cycle, and a GTKWave save file that says what its signals mean."""
