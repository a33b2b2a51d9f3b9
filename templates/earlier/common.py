import os

from skelebot import QUARANTINE, __version__, skelebot_home

VERSION = __version__
SKELEBOT_HOME = skelebot_home(os.environ, os.path.expanduser("~"))
PLUGINS_HOME = os.path.join(SKELEBOT_HOME, "plugins")
PLUGINS_QUARANTINE = os.path.join(SKELEBOT_HOME, QUARANTINE)
