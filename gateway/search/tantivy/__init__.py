"""Search on Tantivy, a library in this process: an index in a folder, one writer and any number of readers.

- `writer` writes it, `searcher` asks it; `place` opens it and says what errors mean
- `text` makes words, `schema` fields, `questions` queries; `ranking` puts hits in order and `counting` counts them
- `kept` packs what is stored for a hit
- `combining` makes one index of several
"""

from __future__ import annotations

from gateway.search.tantivy.combining import combine
from gateway.search.tantivy.searcher import TantivySearcher
from gateway.search.tantivy.writer import TantivyWriter

__all__ = ["TantivySearcher", "TantivyWriter", "combine"]
