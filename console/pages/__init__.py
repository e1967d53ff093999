"""The views: each reads what it shows from the services and has them do what its forms ask."""
