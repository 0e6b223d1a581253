"""Many questions to one model at once, through Inspect AI's model API. One may fail, the run does not."""

import asyncio
import os
import re
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from theodolite.errors import ModelError
from theodolite.judge.stripping import strip

if TYPE_CHECKING:
    from inspect_ai.model import GenerateConfig, Model

__all__ = ["Asker", "Question", "Reply", "Settings", "open_judge_model"]

_PATIENCE = 10.0  # seconds for connections to close
_ENDINGS = {
    "content_filter": "the provider's filter refused the row",
    "max_tokens": "the answer was cut off",
    "model_length": "the row is too long for the model",
}


class Question(NamedTuple):
    """One call to the model."""

    instructions: str
    """The system message."""
    message: str
    """The user message."""


class Reply(NamedTuple):
    """What came back: a text, or why there is none."""

    text: str | None
    """The whole answer."""
    reason: str = ""
    """Without a full stop; empty where there is a text."""


@dataclass(frozen=True)
class Settings:
    """How the model is asked.

    Args:
        max_tokens: longest answer; a model that reasons first needs more.
        schema: whether the provider is told the answer's JSON schema. The answer is checked either way; an
            endpoint that knows no schemas refuses the call, and needs False.
        retries: how often Inspect asks again after an error that may pass.
        timeout: seconds that one attempt may take.
        max_connections: calls in flight; for `hf/` models the size of a batch.
    """

    max_tokens: int = 400
    schema: bool = True
    retries: int = 5
    timeout: int = 180
    max_connections: int = 10

    @property
    def id(self) -> str:
        """What of this can change an answer."""
        return f"temperature=0 max_tokens={self.max_tokens} schema={int(self.schema)}"


class Asker:
    """One model, and a thread with the event loop that its connections belong to.

    It is why this works from a notebook, or
    anywhere else where a loop is already running.

    Args:
        model: an Inspect model name such as `openai/gpt-4o-mini`, or a model.
        settings: how to ask.

    Raises:
        ModelError: the model cannot be opened.
    """

    def __init__(self, model: "str | Model", settings: Settings) -> None:
        self.settings = settings
        self._model = open_judge_model(model) if isinstance(model, str) else model
        # A caller's own model is the caller's to close.
        self._thread = _LoopThread(self._model if isinstance(model, str) else None)
        self._stop = weakref.finalize(self, self._thread.stop)

    def ask(
        self, questions: Sequence[Question], schema: dict[str, Any], on_reply: Callable[[int, Reply], None]
    ) -> None:
        """Ask all of them; `on_reply` gets each question's index and reply as it comes, from one thread.

        Raises:
            ModelError: the provider refuses the key, or does not know the model.
        """
        if questions:
            self._thread.run(self._ask_all(questions, self._config(schema), on_reply))

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return not self._stop.alive

    def close(self) -> None:
        """Cancel what is in flight and end the thread."""
        self._stop()

    def _config(self, schema: dict[str, Any]) -> "GenerateConfig":
        from inspect_ai.model import GenerateConfig, ResponseSchema
        from inspect_ai.util import JSONSchema

        s = self.settings
        return GenerateConfig(
            temperature=0.0,
            max_tokens=s.max_tokens,
            max_retries=s.retries,
            attempt_timeout=s.timeout,
            max_connections=s.max_connections,
            cache=False,
            response_schema=ResponseSchema(
                name="grades", json_schema=JSONSchema.model_validate(schema), strict=True
            )
            if s.schema
            else None,
        )

    async def _ask_all(
        self, questions: Sequence[Question], config: "GenerateConfig", on_reply: Callable[[int, Reply], None]
    ) -> None:
        waiting = iter(enumerate(questions))
        n_workers = min(self.settings.max_connections, len(questions))
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(n_workers):
                    workers.create_task(self._work(waiting, config, on_reply))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _work(
        self,
        waiting: Iterator[tuple[int, Question]],
        config: "GenerateConfig",
        on_reply: Callable[[int, Reply], None],
    ) -> None:
        for index, question in waiting:
            # A task of its own per call: Inspect keeps every call's transcript for as long as a task lives.
            on_reply(index, await asyncio.create_task(self._one(question, config)))

    async def _one(self, question: Question, config: "GenerateConfig") -> Reply:
        from inspect_ai.model import ChatMessageSystem, ChatMessageUser

        messages = [
            ChatMessageSystem(content=question.instructions),
            ChatMessageUser(content=question.message),
        ]
        try:
            output = await self._model.generate(messages, config=config)
        except Exception as error:
            first = _before_retries(error)
            self._refuse_if_hopeless(first)
            return Reply(None, _reason(first))
        if not output.choices:
            return Reply(None, "the model gave no answer")
        if output.stop_reason in _ENDINGS:
            return Reply(None, _ENDINGS[output.stop_reason])
        return Reply(output.completion)

    def _refuse_if_hopeless(self, error: Exception) -> None:
        """What no row can change ends the run."""
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        status = getattr(cause, "status_code", None) or getattr(error, "status_code", None)
        if status == 401 or self._model.api.is_auth_failure(cause):
            problem = f"the provider of the judge {str(self._model)!r} refuses the key"
            raise ModelError(problem, "check the key in the environment") from error
        if status == 404:
            problem = f"the provider does not know the judge {str(self._model)!r}"
            raise ModelError(problem, "check its name, and the base URL in the environment") from error


def open_judge_model(name: str) -> "Model":
    """Returns the Inspect model of a name such as `openai/gpt-4o-mini`.

    Raises:
        ModelError: Inspect AI or the provider's package is missing, or the name or key.
    """
    try:
        from inspect_ai.model import get_model
    except ImportError:
        raise ModelError(
            f"a judge such as {name!r} needs Inspect AI, which is not installed", "run pip install inspect-ai"
        ) from None
    try:
        return get_model(_provider_name(name), memoize=False)
    except Exception as error:
        text = _plain(getattr(error, "message", None) or error)
        raise ModelError(f"the judge {name!r} cannot be opened ({text})", _hint(text)) from error


def _provider_name(name: str) -> str:
    """Inspect's name for the model, which differs for OpenAI-compatible servers.

    Inspect takes an unknown `openai/` name for one of OpenAI's newest models, speaks a protocol to it that
    other servers do not know, and leaves the temperature out.
    """
    url = os.environ.get("OPENAI_BASE_URL", "")
    elsewhere = bool(url) and not (urlsplit(url).hostname or "").endswith("openai.com")
    return f"openai-api/{name}" if name.startswith("openai/") and elsewhere else name


def _hint(text: str) -> str:
    if missing := re.search(r"pip install [\w\[\]-]+", text):
        return f"run {missing[0]}"
    if key := re.search(r"[A-Z][A-Z0-9_]+_API_KEY", text):
        return f"set {key[0]} in the environment"
    return "write it as PROVIDER/NAME, as Inspect AI does, such as openai/gpt-4o-mini or hf/FOLDER"


def _before_retries(error: Exception) -> Exception:
    """What was wrong, where the error only says that asking again did not help."""
    last = getattr(error, "last_attempt", None)
    cause = last.exception() if last is not None else None
    return cause if isinstance(cause, Exception) else error


def _reason(error: Exception) -> str:
    # Inspect puts the whole request, which is the row, into the error's own text.
    return f"{type(error).__name__}: {_plain(getattr(error, 'provider_message', None) or error)}"


def _plain(message: object) -> str:
    """One short line without Inspect's markup."""
    text = strip(re.sub(r"\[/?[a-z ]+\]|\bERROR:?", "", str(message))).text
    return " ".join(text.split())[:200].strip(" :.")


class _LoopThread:
    """An event loop in a thread of its own, which knows nothing of the asker that it may outlive."""

    def __init__(self, own: "Model | None") -> None:
        self._loop = asyncio.new_event_loop()
        self._own = own
        self._lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="judge", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        # Work that comes after the last round of the loop would be waited for without end.
        with self._lock:
            if self._stopped:
                work.close()
                raise RuntimeError("the judge is closed")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
        asyncio.run_coroutine_threadsafe(self._wind_down(), self._loop).result(timeout=_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=_PATIENCE)
        self._loop.close()

    async def _wind_down(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._own is not None:
            await self._own.api.aclose()
