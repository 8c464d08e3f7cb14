/** Every bound that the product promises or relies on, by name. Sizes are bytes, times milliseconds unless the name says otherwise. */

export const MIN_TIME = -62_135_596_800;
export const MAX_TIME = 253_402_300_799;

export const MAX_SUBJECT_BYTES = 128;
export const MAX_INDICATOR_CHARS = 64;
export const MAX_PERIOD_BYTES = 32;
export const MAX_STRING_BYTES = 1_024;

export const MAX_IDS = 64;
export const MAX_SUBJECTS = 10_000;
/** Of one item of `ids` as written, and of `where` and `field`. */
export const MAX_ITEM_BYTES = 256;
export const MAX_CONDITION_BYTES = 1_024;
export const MAX_PARENTHESES = 16;
/**
 * Indicators, numbers and operators that the names in one `where` or `field` stand for, all together. Without a bound 1,280
 * bytes of a request would be 5 MB for every slave.
 */
export const MAX_NAMED_PARTS = 4_096;
export const MAX_LAG_QUARTERS = 400;
export const MAX_AGE_DAYS = 36_500;
export const MAX_PANEL_DATES = 5_000;
/** Subjects × dates × ids. */
export const MAX_PANEL_CELLS = 50_000_000;
export const MAX_DELAY_DAYS = 3_650;
export const MAX_BATCH_LINES = 1_000;
/** Queries of one batch that a gateway works on at once. */
export const MAX_BATCH_QUERIES_AT_ONCE = 8;
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
/** Reads that wait so at one slave; more are refused. */
export const MAX_SEQ_WAITERS = 10_000;
/** The master sends its head this often; a slave that has heard none for STALE_AFTER_MS is lagging. */
export const HEARTBEAT_MS = 250;
export const STALE_AFTER_MS = 1_000;
/** After a restore a slave goes on with what it has until others are further; where they do not get on, for no longer than this. */
export const RESET_WAIT_MS = 60_000;
/** Writes are slowed while a live slave is further behind than this. */
export const MAX_LAG_MS = 5_000;

export const MAX_IDEMPOTENCY_KEY_BYTES = 256;
export const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000;

/** An answer travels over a link in pieces of this size, so that small answers take turns with large ones. */
export const PIECE_BYTES = 64 * 1024;
/** Bytes of large answers that may be on their way over one link: a small answer waits behind no more than these. */
export const LINK_WINDOW_BYTES = 128 * 1024;
/** A chunk of an answer in columns ends at the first row past this size. */
export const CHUNK_OF_COLUMNS_BYTES = 256 * 1024;
/** Chunks of one part that a gateway holds or has asked for, while others of its answer go out. */
export const CHUNKS_AHEAD = 2;
/** An answer in Arrow up to about this size is held whole before it is sent: then its dictionaries hold no more than it needs. */
export const MAX_HELD_ARROW_BYTES = 32 * 1024 * 1024;
/** An answer in csv, ndjson or Arrow. */
export const MAX_STREAMED_BYTES = 1024 * 1024 * 1024;
/**
 * All bytes of large answers that a gateway holds at once, until they are written; further ones wait for room. What the
 * runtime has not given back yet comes on top: a gateway takes up to four times this.
 */
export const ANSWER_BUDGET_BYTES = 128 * 1024 * 1024;
/** The same for the bodies of requests, until they are answered. */
export const BODY_BUDGET_BYTES = 96 * 1024 * 1024;
/** Of either, this much is only for small ones, which so never wait for large ones. */
export const KEPT_FOR_SMALL_BYTES = 32 * 1024 * 1024;
export const SMALL_BODY_BYTES = 1024 * 1024;
export const SMALL_ANSWER_BYTES = 1024 * 1024;
/** Large answers that a slave has made and that wait for one gateway to have room; further ones get 503. */
export const MAX_ANSWERS_WAITING_BYTES = 256 * 1024 * 1024;
/**
 * A client that takes nothing of a large answer for this long is given up, and one that has not taken all of it by then
 * where others wait for its room.
 */
export const MAX_ANSWER_WRITE_MS = 30_000;
/** Where others wait for its room, a client that takes nothing is given up after this. */
export const MAX_ANSWER_STALL_MS = 4_000;
/** A frame that announces more than this is a broken peer. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** A chunk that grows past this is split by time. Large enough that a small subject is one chunk, small enough to rewrite. */
export const CHUNK_BYTES = 64 * 1024;
/** A log entry is stored in parts of this size: a libSQL server fails answers over 10 MB whole. */
export const LOG_PART_BYTES = 1024 * 1024;
/** A page of the feed ends at the first whole seq (or slot) past this size. */
export const FEED_PAGE_BYTES = 4 * 1024 * 1024;
/** The same for slots that somebody else still holds: small, so that a fill is no burst to anybody, in the master or in the slave. */
export const PACED_PAGE_BYTES = 512 * 1024;
/** Slots of such a page at most: many may be small or empty. */
export const PACED_PAGE_SLOTS = 1_024;
/** Taken over at once before the pace counts: a small cluster fills in a moment. */
export const FILL_BURST_BYTES = 256 * 1024;
/** Chunks that a slave reads for one page of a copy, in the thread that answers queries: a few milliseconds. */
export const COPY_PAGE_BYTES = 512 * 1024;
/** Chunks read for one answer of slot sums: about 10 ms of the master's database. */
export const SUMS_PAGE_BYTES = 1024 * 1024;
/** With more than this not folded, sums wait: what is unfolded has to be applied for every answer anew. */
export const MAX_SUMS_UNFOLDED_BYTES = 4 * 1024 * 1024;
/** Chunks written in one transaction by a slave: 5,000 stalled readers for 119 ms, 1,000 for 45. */
export const CHUNKS_PER_TRANSACTION = 1_000;

/** A gateway that has heard nothing from a slave for this long takes the link for dead. */
export const LINK_SILENCE_MS = 3_000;
/** A slave that has requests under way and nothing to say to a gateway says that it is there, this often. */
export const ALIVE_MS = 20;
/** One that has requests under way and says nothing for this long is asked for nothing new where others hold the same. */
export const SUSPECT_MS = 50;
/** How often a gateway looks for deadlines that have passed: one timer for all requests, not one each. */
export const TICK_MS = 20;
/** Bytes that wait to be written to one slave; more and its requests are refused at once. */
export const MAX_LINK_BACKLOG_BYTES = 64 * 1024 * 1024;
/**
 * A link that broke is opened again after this, doubled with every failure up to the most, and shortened by chance. A slave
 * that is back serves nobody until then, and its replica may be the next to go.
 */
export const RECONNECT_MS = 100;
export const MAX_RECONNECT_MS = 500;
export const DIAL_TIMEOUT_MS = 3_000;
/** A gateway that is told to end still takes requests for this long, or until it was left alone for that long. */
export const LEAVING_MS = 4_000;
export const LEFT_ALONE_MS = 500;
/** This many failures of a slave in a row, and it is left alone for BREAKER_OPEN_MS. */
export const BREAKER_FAILURES = 5;
export const BREAKER_OPEN_MS = 5_000;
/**
 * Reads that a gateway works on at once; further ones get 503 rather than a place in a line that only grows. The most are
 * answered in some 0.4 s at full speed. Where they wait too long the limit falls, down to the least: as many keep any cluster busy.
 */
export const MAX_READS_UNDER_WAY = 4_096;
export const MIN_READS_UNDER_WAY = 128;
/** Reads whose large answers wait for room at a gateway, or are on their way to it. */
export const MAX_LARGE_READS = 4_096;
/** Parts that a gateway may ask again for every read, and how many of them in store: what one slave may have under way when it dies. */
export const RETRIES_PER_READ = 0.2;
export const RETRIES_IN_STORE = MAX_READS_UNDER_WAY;
/** A part of a query is asked of this many slaves at most, one after the other. */
export const MAX_ATTEMPTS = 4;
/** A body that is too large is still read up to this size, so that the client reads our answer and not a broken connection. */
export const MAX_DRAINED_BODY_BYTES = 64 * 1024 * 1024;

/** An answer kept by a gateway is given only while every slave that made it was heard from within this. */
export const EDGE_HEARD_MS = 500;
/** Answers larger than this, with what was asked, are not kept by a gateway. */
export const MAX_EDGE_ENTRY_BYTES = 256 * 1024;
/** Nor are those to longer bodies: V8 hashes longer strings by their length alone. */
export const MAX_EDGE_KEY_CHARS = 16_000;

/** Log entries that are not folded yet stay below about this, in memory as on disk; writes wait at it. */
export const MAX_UNFOLDED_BYTES = 64 * 1024 * 1024;
/** How long a write waits at that bound before it is refused: with 429, or 503 where folding fails. Folding is tried again meanwhile. */
export const MAX_APPEND_WAIT_MS = 2_000;
/** Log entries folded in one round: each subject that they touch is rewritten once. */
export const FOLD_ROUND_BYTES = 32 * 1024 * 1024;
/** A slice of folding reads and folds for about this long, then writes; appends wait for no more than that. */
export const FOLD_SLICE_MS = 12;
/** Bytes of chunks written by one slice. */
export const FOLD_SLICE_BYTES = 4 * 1024 * 1024;
/** Log lines of one reading of chunks while folding. */
export const FOLD_GROUP_BYTES = 128 * 1024;
/** Chunks of one such reading: a line that deletes is short, and may touch all of its subject. */
export const FOLD_READ_BYTES = 16 * 1024 * 1024;
/** The newest log entries are kept in memory up to this, so that slaves that keep up are served without SQL. */
export const RECENT_LOG_BYTES = 64 * 1024 * 1024;
/** Log looked through for one page of the feed, also where the slave wants little of it. */
export const TAIL_SCAN_BYTES = 32 * 1024 * 1024;
/** Appends that arrive together are committed together, up to this. */
export const GROUP_COMMIT_BYTES = 16 * 1024 * 1024;
/** Bodies of writes that the master holds at once; further ones get 429. */
export const MAX_WRITES_UNDER_WAY_BYTES = 192 * 1024 * 1024;
/** No answer of the database is larger: a libSQL server fails answers over 10 MB whole. */
export const SQL_PAGE_BYTES = 6 * 1024 * 1024;
export const SQL_TIMEOUT_MS = 10_000;
/** Idempotency keys kept at once, about 2 GB of them; beyond, writes that bring one get 429 until some expire. */
export const MAX_IDEMPOTENCY_KEYS = 10_000_000;
/** A body that has not come in whole by then is given up: 408. */
export const BODY_TIMEOUT_MS = 30_000;
/** The same for one in a gateway whose room others wait for. */
export const WANTED_BODY_TIMEOUT_MS = 10_000;
/** How long a body waits for room before it is refused with 503, and how many do so at once, small ones and large ones apart. */
export const BODY_ROOM_WAIT_MS = 2_000;
export const MAX_BODIES_WAITING = 1_024;
/** Room that a body takes which does not say how long it is; for more it waits anew. */
export const UNANNOUNCED_BODY_BYTES = 16 * 1024;
/** The headers of a request that have not come in whole by then: 408, where the runtime lets us. */
export const HEADERS_TIMEOUT_MS = 10_000;
export const MAX_URL_CHARS = 16_384;
/** A URL and its headers, on Node; Deno has a limit of its own. */
export const MAX_HEAD_BYTES = 32_768;
/** A kept connection may be idle for this long: longer than clients keep theirs, so that it is they who close them. */
export const KEEP_ALIVE_MS = 75_000;
export const MAX_INTERNAL_BODY_BYTES = 1024 * 1024;

/** A cluster token is no word that one could guess; a rotation needs two of them at a time. */
export const MIN_CLUSTER_TOKEN_CHARS = 32;
export const MAX_CLUSTER_TOKENS = 10;
/** API keys of a gateway: an unknown one is compared with all of them. */
export const MAX_API_KEYS = 1_000;
/** Clients whose rate a gateway remembers, a class; beyond, the one that was silent longest is forgotten. */
export const MAX_LIMITED_CLIENTS = 50_000;

/** Registrations: members at once, how long a good-bye is remembered, how long a watch may wait. */
export const MAX_MEMBERS = 1_000;
export const DEPARTED_KEPT_MS = 300_000;
export const MAX_WATCH_WAIT_MS = 10_000;
