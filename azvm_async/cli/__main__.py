"""``python -m azvm_async.cli`` is the command ``azvm``."""

import sys

from azvm_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
