"""The description of ``/v1`` as OpenAPI 3.1, made of data: a module a surface says what its operations take and answer.

What a body may hold comes from the structs that decode it. That answers are as described, and that every route is
described, the tests say, for there is nothing here that a route could not do differently.

Reading the source: `operations` says what an operation is, `schemas` what several surfaces share, `document` puts it
together.
"""

from statflow_http.openapi.document import Description

__all__ = ["Description"]
