"""The pages: what people see in a browser. Written by the server, usable without JavaScript, made better by it.

``site`` is the table of contents, and hands each page what it needs; ``visitors`` says who looks; ``rendering`` fills
templates; ``static_files`` gives out style, scripts and pictures. Every other module is a page, or a few that belong
together: it reads the request, asks the core, and hands plain data to a template. What a page can do, the API can too:
no rule of the service is decided here.
"""
