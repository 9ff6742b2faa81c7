"""The MCP clients for Python, the official one and FastMCP's: each does what there is to do as one person, and prints what it got.

The argument is JSON: how to connect, as whom, and what to ask for. `tour.mjs` is the same for TypeScript.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import httpx2
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import PromptReference, ResourceTemplateReference

asked = json.loads(sys.argv[1])
headers = {"Authorization": f"Bearer {asked['token']}"}


@asynccontextmanager
async def official():
    if asked["transport"] == "sse":
        async with Client(sse_client(asked["url"], headers=headers), mode=asked["mode"]) as client:
            yield client, client.session
    else:
        async with httpx2.AsyncClient(headers=headers) as http:
            transport = streamable_http_client(asked["url"], http_client=http)
            async with Client(transport, mode=asked["mode"]) as client:
                yield client, client.session


@asynccontextmanager
async def fastmcp():
    from fastmcp import Client
    from fastmcp.client.transports import StreamableHttpTransport

    async with Client(StreamableHttpTransport(asked["url"], headers=headers), mode=asked["mode"]) as client:
        yield client, client.session


async def every(list_page, member):
    found, cursor = [], None
    while True:
        page = await list_page(cursor=cursor)
        found += getattr(page, member)
        cursor = page.next_cursor
        if not cursor:
            return found


async def tour(client, session):
    """FastMCP's client is asked by its own methods where it has them, and its session where it has none."""
    own = hasattr(client, "list_tools_mcp")
    pages = {what: getattr(client, f"list_{what}_mcp" if own else f"list_{what}") for what in
             ("tools", "resources", "resource_templates", "prompts")}

    async def call(name, arguments):
        if own:
            return await client.call_tool(name, arguments, raise_on_error=False)
        return await client.call_tool(name, arguments)

    async def read(uri):
        try:
            contents = await client.read_resource(uri)
            return (contents if own else contents.contents)[0].text
        except MCPError as error:
            return {"code": error.error.code, "message": error.error.message}

    async def complete(reference, name):
        completed = await session.complete(reference, {"name": name, "value": asked["begin"]})
        return completed.completion.values

    document = {"document": asked["document"]}
    other = await call("get_documents", {"id": asked["hidden"]})
    prompt = await client.get_prompt("review_document", document)
    return {
        "version": session.protocol_version,
        "tools": [tool.name for tool in await every(pages["tools"], "tools")],
        "resources": [resource.uri for resource in await every(pages["resources"], "resources")],
        "templates": [template.uri_template for template in await every(pages["resource_templates"], "resource_templates")],
        "prompts": [prompt.name for prompt in await every(pages["prompts"], "prompts")],
        "who": (await call("whoami", {})).structured_content,
        "count": (await call("count_documents", {})).structured_content["count"],
        "hidden": [other.is_error, other.content[0].text],
        "read": {uri: await read(uri) for uri in asked["read"]},
        "prompt": prompt.messages[0].content.text,
        "completed": [
            await complete(ResourceTemplateReference(type="ref/resource", uri="bailiwick://documents/{id}"), "id"),
            await complete(PromptReference(type="ref/prompt", name="review_document"), "document"),
        ],
    }


async def main():
    async with {"mcp": official, "fastmcp": fastmcp}[asked["client"]]() as (client, session):
        print(json.dumps(await tour(client, session)))


asyncio.run(main())
