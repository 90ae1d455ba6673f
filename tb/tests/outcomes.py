"""What tests of outcomes share."""

COUNTERS = {
    "CYCLES": 100, "COMPUTE": 90, "READ_STALL": 5, "WRITE_STALL": 3, "DEP_STALL": 2, "MACS": 640, "MACS_SKIPPED": 60,
}  # fmt: skip
