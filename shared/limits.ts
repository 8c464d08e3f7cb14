/** Every bound that the product promises or relies on, by name. Sizes are bytes, times milliseconds unless the name says otherwise. */

export const MIN_TIME = -62_135_596_800;
export const MAX_TIME = 253_402_300_799;

export const MAX_SUBJECT_BYTES = 128;
export const MAX_INDICATOR_CHARS = 64;
export const MAX_PERIOD_BYTES = 32;
export const MAX_STRING_BYTES = 1_024;

export const MAX_IDS = 64;
export const MAX_SUBJECTS = 10_000;
export const MAX_LIMIT = 10_000;
export const DEFAULT_LIMIT = 10;
export const MAX_OFFSET = 100_000;
export const MAX_CATALOGUE_LIMIT = 1_000;
export const DEFAULT_CATALOGUE_LIMIT = 100;

export const MAX_QUERY_BODY_BYTES = 2 * 1024 * 1024;
export const MAX_INGEST_BODY_BYTES = 16 * 1024 * 1024;
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export const DEFAULT_TIMEOUT_MS = 5_000;
export const MAX_TIMEOUT_MS = 30_000;
/** How long a read with `x-kamaitachi-min-seq` waits for a replica to get there. */
export const MIN_SEQ_WAIT_MS = 2_000;
/** The master sends its head this often; a slave that has heard none for STALE_AFTER_MS is lagging. */
export const HEARTBEAT_MS = 250;
export const STALE_AFTER_MS = 1_000;
/** Writes are slowed while a live slave is further behind than this. */
export const MAX_LAG_MS = 5_000;

export const MAX_IDEMPOTENCY_KEY_BYTES = 256;
export const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000;

/** An answer travels over a link in pieces of this size, so that small answers take turns with large ones. */
export const PIECE_BYTES = 64 * 1024;
/** All bytes of large answers that a gateway holds at once; further ones wait for room. */
export const ANSWER_BUDGET_BYTES = 256 * 1024 * 1024;
/** A frame that announces more than this is a broken peer. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** A chunk that grows past this is split by time. Large enough that a small subject is one chunk, small enough to rewrite. */
export const CHUNK_BYTES = 64 * 1024;
/** A log entry is stored in parts of this size: a libSQL server fails answers over 10 MB whole. */
export const LOG_PART_BYTES = 1024 * 1024;
/** A page of the feed ends at the first whole seq (or slot) past this size. */
export const FEED_PAGE_BYTES = 4 * 1024 * 1024;
/** Chunks written in one transaction by a slave: 5,000 stalled readers for 119 ms, 1,000 for 45. */
export const CHUNKS_PER_TRANSACTION = 1_000;
