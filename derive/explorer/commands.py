"""The commands `explorer` and `serve`."""

from __future__ import annotations

from pathlib import Path

import click

from derive.artifacts import write
from derive.errors import OutputError
from derive.progress import working

__all__ = ["explorer", "serve"]


@click.command()
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where to write.")
@click.option("--no-cache", "fresh", is_flag=True, help="Remember nothing: derive and prove every layer anew.")
def explorer(folder: Path, fresh: bool) -> None:
    """Write the Explorer as a page of files: index.html opens from disk, with no server and no network.

    It holds some hundred settings: the common constraints in every order, each derived and proved by the engine. What it made
    before from the same sources is remembered, in DERIVE_CACHE_DIR or the user's cache folder.
    """
    from derive.cache import users_cache
    from derive.explorer.remembered import remembered_page

    with working("deriving") as step:
        files = remembered_page(None if fresh else users_cache(), progress=step)
    write(files, folder)
    size = sum(map(len, files.values())) / 1e6
    click.echo(f"{folder / 'index.html'} is written: {len(files)} files, {size:.1f} MB.")


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--open", "shown", is_flag=True, help="Open it in a browser.")
def serve(port: int, shown: bool) -> None:
    """Run the Explorer on this machine: every grid, constraint and order, derived and proved as you choose it."""
    from derive.explorer.serve import HOST, server

    try:
        running = server(port)
    except OSError as cause:
        raise OutputError(f"Cannot serve at port {port}: {cause.strerror or cause}.") from cause
    address = f"http://{HOST}:{running.server_address[1]}/"
    click.echo(f"The Explorer is at {address}; Ctrl-C ends it.")
    if shown:
        click.launch(address)
    with running:
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            click.echo("Stopped.")
