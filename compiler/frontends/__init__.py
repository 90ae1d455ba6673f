"""Front ends: a trained network's file to the IR."""
