"""`python -m deploy.local`: Flacon on this machine."""

from deploy.local.command import app

if __name__ == "__main__":
    app(prog_name="python -m deploy.local")
