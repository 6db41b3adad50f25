"""How a command of the command line has the running store process do something: a socket in `data_dir`."""
