"""The control socket in `data_dir`, by which a command asks the running store process to do something."""
