"""The scanner app: a static page, served as it lies in the folder scanner-app/app."""

from pathlib import Path

from flask import Blueprint, Response, redirect, send_from_directory
from werkzeug.wrappers import Response as WerkzeugResponse

# The page is what staff type their password into: it runs nothing but its own files.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval';"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # asked for again each time, and then not sent again (ETag)
}


def scanner_blueprint(folder: Path) -> Blueprint:
    """The pages below /scanner/."""
    routes = Blueprint("scanner", __name__)
    folder = folder.resolve()

    @routes.get("/scanner")
    def without_slash() -> WerkzeugResponse:
        """Relative links need the slash."""
        return redirect("/scanner/")

    @routes.get("/scanner/", defaults={"path": "index.html"})
    @routes.get("/scanner/<path:path>")
    def page(path: str) -> Response:
        """A file of the app; 404 where there is none."""
        response = send_from_directory(folder, path)
        response.headers.update(_HEADERS)
        return response

    return routes
