"""`earshot bench load`: latency at given rates, the knee, and the scenarios of MLPerf."""
