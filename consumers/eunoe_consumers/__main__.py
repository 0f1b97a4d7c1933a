"""The command `eunoe`. Without the extra `consumers` it says what to install."""

import sys


def run() -> None:
    """Run the command line."""
    try:
        from eunoe_consumers.cli.main import main  # noqa: PLC0415 - needs the extra `consumers`
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("eunoe"):
            raise
        sys.stderr.write(f"eunoe: the package {error.name} is missing: install eunoe[consumers]\n")
        sys.exit(2)
    except KeyboardInterrupt:  # during the imports
        sys.exit(130)
    main()


if __name__ == "__main__":
    run()
