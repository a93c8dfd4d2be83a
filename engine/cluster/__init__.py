"""Several machines that draw for one bot, over a NATS broker; needs the extra `cluster`."""
