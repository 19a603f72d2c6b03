"""What spark-submit is given: `vorbehalt filter --engine spark` with the arguments that follow the script's name."""

import sys

from crawler.cli import main

if __name__ == "__main__":
    sys.argv = ["vorbehalt", "filter", "--engine", "spark", *sys.argv[1:]]
    main()
