"""As much of Dash as a test needs, which it takes too long to install."""
import http.server
import os


class Dash:
    def __init__(self, name):
        self.layout = ""

    def run(self, host=None, port=8050, debug=False):
        page = self.layout.encode()

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(page)

        address = host or os.environ.get("HOST", "127.0.0.1"), port
        http.server.HTTPServer(address, Page).serve_forever()
