"""``python -m server.cli``: how a server starts a training process."""

from server.cli import main

if __name__ == "__main__":
    main()
