"""``python -m parrotlet_compression`` and the ``parrotlet-compress`` command."""

import sys


def main() -> int:
    """Run the command line, or say in one line what it needs."""
    try:
        from parrotlet_compression.cli import main as run
    except ModuleNotFoundError as error:
        print(
            f"parrotlet-compress: {error.name} is not installed: pip install torch==2.13.0, then pip install "
            "'parrotlet[compress]'",
            file=sys.stderr,
        )
        return 5
    return run()


if __name__ == "__main__":
    sys.exit(main())
