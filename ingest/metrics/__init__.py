"""The metrics: a catalogue of the series, and how the values of several processes are added up."""
