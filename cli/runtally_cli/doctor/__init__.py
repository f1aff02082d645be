"""`runtally doctor`: facts gathered by probes, pure checks over them, a remedy for each finding."""
