"""Lists made fairer after training: everyone's candidates in, everyone's lists out, one batch."""
