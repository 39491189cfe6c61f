"""Uses the tools with the official MCP library for Python, in both of its ways to begin.

Usage: mcp_client.py URL KEY_WITH_ALL_SCOPES KEY_WITH_FEW CONVERSATION
"""

import asyncio
import sys
from contextlib import asynccontextmanager

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

QUESTION = "How many working days do parcels to Austria take?"
TOOLS = ["search_knowledge", "answer_question", "get_profile", "list_conversations", "get_conversation"]
INVALID_PARAMS = -32602


@asynccontextmanager
async def connected(url, key, mode="auto"):
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            yield client


async def call(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, (tool, result)
    assert result.content[0].type == "text" and result.structured_content, result
    return result.structured_content


async def all_tools(client, conversation):
    assert client.server_info.name == "impresario" and "answer_question" in client.instructions
    listed = (await client.list_tools()).tools
    assert [tool.name for tool in listed] == TOOLS, listed
    for tool in listed:
        assert tool.description and tool.annotations.read_only_hint, tool
        assert tool.input_schema["additionalProperties"] is False, tool
    found = await call(client, "search_knowledge", query="warranty of a tent", limit=1)
    assert [passage["title"] for passage in found["passages"]] == ["Warranty"], found
    answer = await call(client, "answer_question", question=QUESTION)
    assert "four working days. [1]" in answer["text"], answer
    assert answer["citations"][0]["title"] == "Shipping", answer
    unknown = await call(client, "answer_question", question="Who won the football world cup in 1974?")
    assert unknown["abstained"] is True and unknown["text"] == "", unknown
    profile = await call(client, "get_profile", user_id="u-1")
    assert profile["traits"]["plan"] == "pro", profile
    listed = await call(client, "list_conversations", limit=5)
    assert [item["id"] for item in listed["items"]] == [conversation], listed
    shown = await call(client, "get_conversation", conversation=conversation)
    assert [message["from"] for message in shown["messages"]] == ["customer", "assistant"], shown


async def refusals(client):
    """What goes wrong in a tool is for the model to read; what is no call is for the program."""
    for tool, arguments, code in [
        ("get_profile", {"user_id": "nobody"}, "profile_not_found"),
        ("get_conversation", {"conversation": "nonsense"}, None),
        ("answer_question", {"question": " "}, "invalid_request"),
        ("answer_question", {"question": QUESTION, "secret": 1}, "invalid_request"),
    ]:
        result = await client.call_tool(tool, arguments)
        assert result.is_error and result.structured_content["detail"], (tool, result)
        assert code in (None, result.structured_content["code"]), (tool, result)
    try:
        await client.call_tool("drop_tables", {})
    except MCPError as error:
        assert error.code == INVALID_PARAMS, error
    else:
        raise AssertionError("an unknown tool was called")


async def few_tools(client):
    assert [tool.name for tool in (await client.list_tools()).tools] == ["get_profile"]
    await call(client, "get_profile", user_id="u-1")
    hidden = await client.call_tool("search_knowledge", {"query": "warranty"})
    assert hidden.is_error and hidden.structured_content["code"] == "scope_missing", hidden


async def main():
    url, every, few, conversation = sys.argv[1:]
    for mode, version in [("auto", "2026-07-28"), ("legacy", "2025-11-25")]:
        async with connected(url, every, mode) as client:
            assert client.protocol_version == version, client.protocol_version
            await all_tools(client, conversation)
            await refusals(client)
        async with connected(url, few, mode) as client:
            await few_tools(client)
    try:
        async with connected(url, "imp_sk_nonsense") as client:
            await client.list_tools()
    except Exception:  # The library has no error of its own for it.
        pass
    else:
        raise AssertionError("anybody may come in")


asyncio.run(main())
