"""The MCP client for Python: says on standard error where a person signs in, then prints what `whoami` answers."""

import asyncio
import http.server
import json
import sys
import threading
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

answer = {}
answered = threading.Event()


class Callback(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer.update({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})
        self.send_response(204)
        self.end_headers()
        answered.set()

    def log_message(self, *_):
        pass


class Memory:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def sign_in_at(address):
    print("sign in at", address, file=sys.stderr, flush=True)


async def come_back():
    await asyncio.to_thread(answered.wait)
    return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))


async def main(url):
    server = http.server.HTTPServer(("127.0.0.1", 0), Callback)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    metadata = OAuthClientMetadata(
        client_name="Python client", redirect_uris=[f"http://127.0.0.1:{server.server_port}/callback"]
    )
    provider = OAuthClientProvider(url, metadata, Memory(), sign_in_at, come_back)
    async with httpx2.AsyncClient(auth=provider) as http_client:
        async with Client(streamable_http_client(url, http_client=http_client)) as client:
            print(json.dumps((await client.call_tool("whoami", {})).structured_content))


asyncio.run(main(sys.argv[1]))
