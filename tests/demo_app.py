"""The demo with two small child processes that print their process ids, for `test_demo`.

python -m tests.demo_app PORT [--with-key] [--simulator CODE] [--server CODE] [--prepare-s S]
"""

import argparse
import asyncio
import os
import sys
import time

from backend.demo import Demo, DemoPlan, Login

PRINT_PID = "import os, sys, time; print('{}', os.getpid(), file=sys.stderr, flush=True)\n"
SIMULATOR = PRINT_PID.format("simulator") + (
    "print('simulator listening on http://127.0.0.1:9/v1', flush=True)\ntime.sleep(60)\n"
)
SERVER = (
    PRINT_PID.format("server")
    + """
import http.server
print('environ', *(os.environ.get(name) for name in ('OPENAI_BASE_URL', 'OPENAI_API_KEY', 'DEMO')),
      file=sys.stderr, flush=True)
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == '/healthz' else 404)
        self.end_headers()
    def log_message(self, *_):
        pass
try:
    http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Healthy).serve_forever()
except KeyboardInterrupt:
    print('server interrupted', file=sys.stderr, flush=True)
"""
)


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("--with-key", action="store_true")
    options.add_argument("--simulator", default=SIMULATOR)
    options.add_argument("--server", default=SERVER)
    options.add_argument("--prepare-s", type=float, default=0.0)
    given = options.parse_args()

    def prepare() -> tuple[Login, Login]:
        time.sleep(given.prepare_s)
        return Login("demo", "p-user"), Login("admin", "p-admin")

    plan = DemoPlan(
        port=given.port,
        server=(sys.executable, "-c", given.server),
        simulator=None if given.with_key else (sys.executable, "-c", given.simulator),
        prepare=prepare,
        provider="gpt-realtime at https://api.openai.com/v1",
    )
    environ = {**os.environ, "PORT": str(given.port)}
    return asyncio.run(Demo(plan, environ, lambda text: print(text, flush=True)).run())


if __name__ == "__main__":
    sys.exit(main())
