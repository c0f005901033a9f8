"""``python -m parrotlet_compression`` and the ``parrotlet-compress`` command."""

import sys

from parrotlet.cli import quiet_interrupt


def main() -> int:
    """Run the command line, or say in one line what it needs."""
    try:
        with quiet_interrupt():
            from parrotlet_compression.cli import main as run
        return run()
    except ModuleNotFoundError as error:
        print(
            f"parrotlet-compress: {error.name} is not installed: pip install ./compression in the repository",
            file=sys.stderr,
        )
        return 5


if __name__ == "__main__":
    sys.exit(main())
