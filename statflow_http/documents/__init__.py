"""Documents: what is kept beside points, as frozen structs in named tables of an LMDB file of its own."""
