"""
Asking the providers that don't call back, or lose some of what they have to report.

A message is asked about at fixed ages: at every tick, the messages that have just reached one of them and have no final
report. So nothing is kept for a message, and a restart goes on where the last tick was.
"""
