"""Naval Fate.

Usage:
  naval.py ship new <name>...
  naval.py ship move <name> <x> <y> [--speed=<kn>]
  naval.py mine set <x> <y> [--moored | --drifting]
  naval.py -h | --help
  naval.py --version

Options:
  -h --help     Show this screen.
  --version     Show version.
  --speed=<kn>  Speed in knots [default: 10].
  --moored      Moored (anchored) mine.
  --drifting    Drifting mine.
"""
from docopt import docopt

if __name__ == "__main__":
    print(sorted((name, value) for name, value in docopt(__doc__, version="Naval Fate 2.0").items() if value))
