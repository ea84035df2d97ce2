"""Serve a trained pipeline: JSON over HTTP, and a page to try it on."""

from typing import Annotated

import typer
import uvicorn
from _cli import Bfloat16, reporting_problems

from persian_ner import serve
from persian_ner.fast_inference import load_fast

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
def main(
    model: Annotated[str, typer.Argument(metavar="MODEL_PATH", help="Folder or package name of the pipeline")],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on")] = 8000,
    max_chars: Annotated[int, typer.Option(min=1, help="Characters that one request may bring")] = serve.MAX_CHARS,
    max_texts: Annotated[int, typer.Option(min=1, help="Texts that one request may bring")] = serve.MAX_TEXTS,
    gpu_id: Annotated[int, typer.Option(help="GPU to use; -1 for the CPU")] = -1,
    bfloat16: Bfloat16 = True,
) -> None:
    """Answer POST /ner and /batch, GET /health and /metrics; the page is at /, the description at /openapi.json."""
    with reporting_problems():
        nlp = load_fast(model, gpu_id, bfloat16=bfloat16)
    # Without a log of requests: /metrics counts them, and texts are nowhere.
    uvicorn.run(
        serve.create_app(nlp, serve.Limits(max_chars, max_texts), gpu_id), host=host, port=port, access_log=False
    )


if __name__ == "__main__":
    app()
