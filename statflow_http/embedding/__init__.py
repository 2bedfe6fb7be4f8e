"""Stats on other people's pages: a script that fills a box, a picture, a page for a frame.

StatHat's face is kept: ``/javascripts/embed.js`` asks for ``/embed/KIND/S1[/S2[/S3]]``, whose answer is a script. What
it fills the box with was drawn by the server and arrives as a tree of elements and texts, never as markup, so that it
shows under any policy a page may have, and no name of a stat can be anything but text. ``asked`` is what a request
wants, ``access`` whose stats it may have, ``reading`` asks the engine, ``figures`` draws, and ``answers`` puts it into
its form: a picture as it is, or one of ``scripts`` or ``pages``.
"""
