"""``python -m azvm_async.mlos`` is the command ``azvm-mlos-bench``."""

import sys

from azvm_async.mlos.command import main

if __name__ == "__main__":
    sys.exit(main())
