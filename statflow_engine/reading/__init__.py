"""How an answer is put together from all places where points lie."""
