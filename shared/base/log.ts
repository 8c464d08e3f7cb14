/** Logs: one line of JSON an event, on the stream that the caller gives. */

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type Level = (typeof LEVELS)[number];
export type LogEvent = (event: string, details: Record<string, unknown>) => void;
export type Log = Record<Level, LogEvent>;

/** `least`: the least that is written. */
export function createLog(role: string, least: Level, write: (line: string) => void): Log {
  const at = (level: Level): LogEvent =>
    LEVELS.indexOf(level) < LEVELS.indexOf(least)
      ? () => {}
      : (event, details) =>
          write(JSON.stringify({ time: new Date().toISOString(), level, role, event, ...details }));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
