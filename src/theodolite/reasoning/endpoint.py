"""Turns completed by a server through Inspect AI: as tokens where there is a tokenizer, else as messages."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from theodolite.errors import ModelError

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, GenerateConfig, Model

    from theodolite.targets.runner.chat import Chat

__all__ = ["Ask", "Completion", "Endpoint", "config_of", "messages_of"]

Result = TypeVar("Result")
_PATIENCE = 10.0
"""Seconds for the thread to end."""


class Ask(NamedTuple):
    """One turn to be completed."""

    prompt: str
    """What the user says."""
    begun: str
    """The beginning of the assistant's turn; empty for none."""
    max_tokens: int
    """The cap."""
    temperature: float = 0.0
    """0 for greedy."""
    seed: int = 0
    """Of the sample."""


class Completion(NamedTuple):
    """What came back."""

    text: str
    """What stands behind the beginning."""
    ended: bool
    """Whether the model stopped by itself."""
    prefilled: int
    """Tokens read, less what the server says it had cached; 0 where it does not say."""
    decoded: int
    """Tokens written."""


class Endpoint:
    """A server behind Inspect, with a thread of its own for the connections.

    A completions provider (`openai-api-completions/...`, `vllm-completions/...`) is sent the whole prompt as
    tokens and needs the model's tokenizer. A chat provider is sent a last message of the assistant, with the
    flags by which vLLM, SGLang and their like continue it.

    Args:
        model: an Inspect model name, or a model.
        chat: the model's tokenizer and chat template; None for chat providers.
        connections: calls in flight.
        retries: how often Inspect asks again after an error that may pass.

    Raises:
        ModelError: the model cannot be opened.
    """

    def __init__(
        self, model: "str | Model", chat: "Chat | None" = None, connections: int = 10, retries: int = 3
    ) -> None:
        # A caller's own model is the caller's to close.
        self._own = isinstance(model, str)
        self._model = _opened(model) if isinstance(model, str) else model
        self.name, self.chat = str(self._model), chat
        self._connections, self._retries = connections, retries
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def complete(self, asks: Sequence[Ask]) -> list[Completion]:
        """Returns what stands behind each beginning.

        Raises:
            ModelError: a call failed for good.
        """
        return self._run(self._all(asks))

    def close(self) -> None:
        """Closes the connections and ends the thread; the endpoint cannot be asked again."""
        if not self._loop.is_closed():
            if self._own:
                asyncio.run_coroutine_threadsafe(self._model.api.aclose(), self._loop).result(_PATIENCE)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE)
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _all(self, asks: Sequence[Ask]) -> list[Completion]:
        free = asyncio.Semaphore(self._connections)
        failed: list[ModelError] = []

        async def one(ask: Ask) -> Completion | None:
            async with free:
                # What is in flight ends by itself: cut off, it would complain where nobody listens.
                if failed:
                    return None
                try:
                    return await self._one(ask)
                except ModelError as error:
                    failed.append(error)
                    return None

        said = await asyncio.gather(*map(one, asks))
        if failed:
            raise failed[0]
        return [completion for completion in said if completion is not None]

    async def _one(self, ask: Ask) -> Completion:
        try:
            config = config_of(ask, self.chat is not None)
            config.max_retries, config.max_connections = self._retries, self._connections
            output = await self._model.generate(messages_of(ask, self.chat), config=config)
        except ModelError:
            raise
        # A provider's failures have whatever type its library likes.
        except Exception as error:
            raise ModelError(
                f"'{self.name}' gave no answer ({_reason(error)})", "check its address and key"
            ) from None
        if output.error:
            raise ModelError(
                f"'{self.name}' gave no answer ({output.error[:160]})", "check its address and key"
            )
        usage = output.usage
        read = 0 if usage is None else usage.input_tokens
        return Completion(
            output.completion, output.stop_reason == "stop", read, usage.output_tokens if usage else 0
        )


def _reason(error: BaseException) -> str:
    """The first line of what went wrong; of retries that were given up, the last attempt's."""
    attempt = getattr(error, "last_attempt", None)
    error = (attempt.exception() if attempt is not None else None) or error
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def messages_of(ask: Ask, chat: "Chat | None" = None) -> "list[ChatMessage]":
    """Returns what Inspect is given for a turn: tokens in a message's metadata, or messages."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser

    from theodolite.targets import Turn

    if chat is not None:
        ids = list(chat.prompt([Turn("user", ask.prompt)], ask.begun).ids)
        return [ChatMessageUser(content="", metadata={"prompt_token_ids": ids})]
    said: list[ChatMessage] = [ChatMessageUser(content=ask.prompt)]
    return [*said, ChatMessageAssistant(content=ask.begun)] if ask.begun else said


def config_of(ask: Ask, tokens: bool = False) -> "GenerateConfig":
    """Returns Inspect's settings for a turn; without tokens, with the flags that continue a begun one."""
    from inspect_ai.model import GenerateConfig

    goes_on = {"add_generation_prompt": False, "continue_final_message": True}
    return GenerateConfig(
        max_tokens=ask.max_tokens,
        temperature=ask.temperature,
        seed=ask.seed,
        extra_body=goes_on if ask.begun and not tokens else None,
    )


def _opened(name: str) -> "Model":
    try:
        from inspect_ai.model import get_model
    except ImportError:
        raise ModelError(
            "endpoints need the package inspect-ai, which is not installed", "install theodolite[judge]"
        ) from None
    try:
        return get_model(name, memoize=False)
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise ModelError(f"'{name}' cannot be opened ({said})", "name a model as Inspect AI does") from None
