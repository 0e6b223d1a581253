"""Clean carriers, planted poison, simulated judges and clean shifts: the data of `poison_power.py`."""
