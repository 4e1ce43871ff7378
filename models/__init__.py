"""What training and serving must agree on; imports nothing of ours."""
