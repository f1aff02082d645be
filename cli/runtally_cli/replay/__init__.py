"""`runtally replay`: what Kafka still holds, read again and written the same way; safe at any time."""
