"""Where the processes of a regression's jobs run: on this machine, or on the workers of a Dask cluster."""
