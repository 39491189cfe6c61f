"""Talks to the assistant with the official OpenAI library for Python.

Usage: openai_client.py BASE_URL KEY chat|aloud|embeddings
       openai_client.py BASE_URL KEY leave FARM
"""

import asyncio
import json
import sys
import urllib.request

import openai

QUESTION = "How many working days do parcels to Austria take?"


def chat(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["assistant"]
    assert client.models.retrieve("assistant").owned_by == "impresario"
    asked = [
        {"role": "system", "content": "Answer in rhymes."},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "How can I help?"},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    whole = client.chat.completions.create(model="assistant", messages=asked)
    said = whole.choices[0].message.content
    assert "four working days" in said and "[1] Shipping" in said, said
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
    # The same in pieces, the usage at the end.
    pieces, usage = [], None
    with client.chat.completions.create(
        model="assistant", messages=asked, stream=True, stream_options={"include_usage": True}
    ) as stream:
        for chunk in stream:
            pieces += [choice.delta.content or "" for choice in chunk.choices]
            usage = chunk.usage or usage
    assert "".join(pieces) == said and len(pieces) > 2, pieces
    assert usage == whole.usage, usage
    # What is not known is not made up.
    nothing = [{"role": "user", "content": "Who won the football world cup in 1974?"}]
    unknown = client.chat.completions.create(model="assistant", messages=nothing)
    assert "Shipping" not in unknown.choices[0].message.content, unknown


def aloud(client: openai.OpenAI) -> None:
    """A model that never comes to its end: what is sure is heard all the same."""
    asked = [{"role": "user", "content": QUESTION}]
    with client.chat.completions.create(model="assistant", messages=asked, stream=True) as stream:
        said = ""
        for chunk in stream:
            said += chunk.choices[0].delta.content or ""
            if "four working days" in said:
                return
    raise AssertionError(said)


def errors(client: openai.OpenAI) -> None:
    question = [{"role": "user", "content": QUESTION}]
    for wanted, ask in [
        (openai.NotFoundError, lambda: client.models.retrieve("gpt-x")),
        (openai.BadRequestError, lambda: client.chat.completions.create(model="assistant", messages=[])),
        (openai.BadRequestError, lambda: client.chat.completions.create(model="assistant", messages=question, n=2)),
        (
            openai.AuthenticationError,
            lambda: client.with_options(api_key="imp_sk_nonsense").models.list(),
        ),
    ]:
        try:
            ask()
        except wanted as error:
            assert error.code and error.request_id, error
        else:
            raise AssertionError(f"no {wanted.__name__}")


def embeddings(client: openai.OpenAI) -> None:
    texts = ["a tent for bad weather", "a tent for bad weather", "payment by bank transfer"]
    packed = client.embeddings.create(model="assistant", input=texts)  # base 64 on the wire
    plain = client.embeddings.create(model="assistant", input=texts, encoding_format="float")
    first, again, other = (item.embedding for item in packed.data)
    assert first == again != other and len(first) == len(other) > 100
    for item, number in zip(plain.data[0].embedding, first):
        assert abs(item - number) < 1e-6
    assert packed.usage.total_tokens > 0


async def leave(base_url: str, key: str, farm: str) -> None:
    """Goes while the model is being asked: once out of a stream, once out of a plain call."""
    client = openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60)
    asked = [{"role": "user", "content": QUESTION}]

    async def listen() -> None:
        stream = await client.chat.completions.create(model="assistant", messages=asked, stream=True)
        async for _ in stream:
            pass

    async def call() -> None:
        await client.chat.completions.create(model="assistant", messages=asked)

    def requests() -> int:
        with urllib.request.urlopen(f"{farm}/_log") as log:
            return len(json.load(log))

    for count, work in enumerate([listen, call], start=1):
        task = asyncio.create_task(work())
        while not task.done() and await asyncio.to_thread(requests) < count:
            await asyncio.sleep(0.05)
        assert not task.done(), "the model hangs, and there is an answer"
        task.cancel()
        await asyncio.wait([task])


def main() -> None:
    base_url, key, what, *more = sys.argv[1:]
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60)
    if what == "chat":
        chat(client)
        errors(client)
    elif what == "aloud":
        aloud(client)
    elif what == "leave":
        asyncio.run(leave(base_url, key, *more))
    else:
        embeddings(client)


if __name__ == "__main__":
    main()
