"""
Polls the providers that send no callbacks, or lose some of their reports.

A message is asked about at fixed ages: every tick asks about the messages that have reached one of these ages since the
last tick and have no final report. So no state is kept for a message, only the time of the last tick.
"""
