"""Code coverage of the RTL, on its Python files: lines, branches and toggles, merged of all runs."""
