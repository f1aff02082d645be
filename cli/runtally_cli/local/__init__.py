"""The brokers a laptop can run: started, watched and ended by one parent process."""
