"""Every size that an engine keeps to, with its reason, as one frozen value handed in at open. Pure."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes that bound an engine's memory, disk and waiting.

    Attributes:
        map_bytes: address space of the store's file, sparse; the same in every process, kept in the store. None: the
            store's own, for a new one `MAP_BYTES_DEFAULT`.
        map_full_fraction: writes are refused when the file reaches this share of the map, because a full map cannot
            even be folded.
        disk_reserve_bytes, disk_reserve_fraction: writes are refused when less than the larger of both is free.
        ballast_bytes: size of a file kept beside the store, to be deleted by hand when the disk is full; 0: none.
        journal_rows_soft: beyond it a writer folds a step itself.
        journal_rows_hard: beyond it writes are refused until folding has caught up.
        journal_records: a fold is due at so many records, however few rows they have.
        fold_rows: rows of one fold window, with many series up to `journal_rows_soft`; folding needs some 200 bytes of
            memory a row.
        step_bytes: what one fold step may write while others write too; it bounds their wait.
        names_cached: names kept in memory, about 134 bytes each.
        batch_points: points of one batch.
        idempotency_keys: remembered keys a namespace, oldest out first.
        series_per_query: series of one query.
    """

    map_bytes: int | None = None
    map_full_fraction: float = 0.8
    disk_reserve_bytes: int = 256 * MIB
    disk_reserve_fraction: float = 0.05
    ballast_bytes: int = 0
    journal_rows_soft: int = 2_000_000
    journal_rows_hard: int = 4_000_000
    journal_records: int = 10_000
    fold_rows: int = 1_000_000
    step_bytes: int = MIB // 2
    names_cached: int = 1_000_000
    batch_points: int = 1_000_000
    idempotency_keys: int = 1_000_000
    series_per_query: int = 10_000


# Sparse: it costs address space only. Live resizing would kill other processes' transactions.
MAP_BYTES_DEFAULT = 256 * 1024 * MIB
