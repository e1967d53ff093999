"""What happens, as the events tell it: heard once per process, told to every page that is open."""
