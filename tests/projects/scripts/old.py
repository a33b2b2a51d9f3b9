from optparse import OptionParser

parser = OptionParser(usage="usage: %prog [options]")
parser.add_option("-f", "--file", dest="filename", help="write report to FILE", metavar="FILE")
parser.add_option("-q", "--quiet", action="store_false", dest="verbose", default=True,
                  help="don't print status messages to stdout")
parser.add_option("-n", "--number", type="int", default=3, help="how many [default: %default]")
options, args = parser.parse_args()
print(options.filename, options.verbose, options.number, args)
