"""Moving in and out: files and servers that hold a history, imports, exports, backups. Nothing here knows HTTP's front.

Reading the source: `rows` is what moves; `csv_files`, `stathat_files` and `statflow_files` read bytes (pure); `sources`
opens files, folders and archives; `spool` sorts a source by stat; `ledger` knows what was brought before; `importer`
writes; `live_source` is another server; `exports` is the way out; `jobs` runs imports in a server; `backup` copies.
"""
